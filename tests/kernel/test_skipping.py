"""Skipping ahead over equal passes gives what going step by step gives, over engines, options and workloads."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from tests.serve.twin.kernel import Diary, scenario_of, trace_of
from tests.serve.twin.workloads import ENGINES, workload


@dataclass(frozen=True, slots=True)
class Growing:
    """Passes grow with the resident tokens, so that a stretch is no multiple of its first pass."""

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        return np.array([0.011, 5e-5, 1.3e-5])

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        tokens = float(decodes)
        for k in range(len(chunk)):
            tokens += chunk[k]
        return tables[0] + tables[1] * tokens + tables[2] * resident, tables[2] * decodes, 1e18

    def facts(self) -> dict[str, str | int | float]:
        return {}


@settings(max_examples=150)
@given(engine=st.sampled_from(ENGINES), seed=st.integers(0, 1 << 30), replicas=st.integers(1, 3))
def test_skipping_ahead_equals_stepping_within_a_billionth(engine: str, seed: int, replicas: int) -> None:
    setup, jobs = workload(engine, seed)
    scenario = replace(scenario_of(setup, Diary()), cost=Growing(), replicas=replicas)
    fast, slow = (
        scenario.simulate(trace=trace_of(jobs), record_tokens=True, record_passes=20_000, step=step)
        for step in (False, True)
    )
    for name in ("arrival", "start", "first_token", "finish", "worst_gap"):
        np.testing.assert_allclose(fast.requests[name], slow.requests[name], rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(fast.tokens, slow.tokens, rtol=1e-9)
    for name in ("preemptions", "cached", "replica"):
        np.testing.assert_array_equal(fast.requests[name], slow.requests[name], err_msg=name)
    for name in ("steps", "computed", "recomputed", "least_free", "free"):
        np.testing.assert_array_equal(fast.pools[name], slow.pools[name], err_msg=name)
    assert len(fast.log) <= len(slow.log)


def test_most_passes_of_the_workloads_are_skipped() -> None:
    rows = {False: 0, True: 0}
    for engine in ENGINES:
        setup, jobs = workload(engine, 3)
        scenario = replace(scenario_of(replace(setup, blocks=400), Diary()), cost=Growing())
        for step in rows:
            rows[step] += len(scenario.simulate(trace=trace_of(jobs), record_passes=20_000, step=step).log)
    assert rows[False] < 0.6 * rows[True]
