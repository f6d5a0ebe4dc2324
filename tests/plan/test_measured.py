"""Figures of a pass from a measured engine: a known engine is found again, and what cannot be is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenly.hardware.calibration.engine import Figures, write
from evenly.plan.cost import seconds, tables
from evenly.plan.layout import Layout
from evenly.plan.measured import fitted
from evenly.plan.scenario import PlanScenario
from tests.hardware.measured_passes import engine
from tests.plan.samples import scenario

EMPTY = np.zeros(0, np.int64)
KNOTS = (1, 2, 8, 32, 64, 96, 128, 160, 192, 224, 256, 384, 512, 1024, 2048, 4096, 8192)


def measured_engine(truth: PlanScenario, path: Path) -> Path:
    """Write what a perfect calibration of an engine would be whose passes take what the scenario says."""
    crew = truth.crew()
    own = crew.tables.own.tolist()
    curve = [float(seconds(EMPTY, EMPTY, n, 0.0, 0, crew.tables.own)[0] - own[0]) for n in KNOTS]
    figures = Figures(KNOTS, tuple(curve), own[6], own[5], 0.0, 0.0, 0.0, own[0], 0.0)
    path.write_text(write(engine(figures)), encoding="utf-8")
    return path


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    memory=st.floats(0.5, 0.95), compute=st.floats(0.4, 0.9), host=st.floats(0.0, 0.01), tensor=st.sampled_from([1, 2])
)
def test_an_engine_whose_passes_are_known_is_found_again(
    tmp_path: Path, memory: float, compute: float, host: float, tensor: int
) -> None:
    base = scenario(Layout(tensor=tensor), model="llama-3-8b")
    truth = replace(base, cost=replace(base.cost, memory=memory, compute=compute, host=host))
    found = fitted(base, str(measured_engine(truth, tmp_path / "engine.yaml")), tensor).cost
    assert found.memory == pytest.approx(memory, rel=0.02)
    assert found.host == pytest.approx(host, abs=2e-4)
    assert found.compute == pytest.approx(compute, rel=0.05)
    assert found.first_token == base.cost.first_token


def test_other_layouts_are_told_on_the_terms_of_the_measured_one(tmp_path: Path) -> None:
    base = scenario(Layout(tensor=1), model="llama-3-8b")
    slow = replace(base, cost=replace(base.cost, memory=0.5, host=0.008))
    found = fitted(base, str(measured_engine(slow, tmp_path / "engine.yaml")), 1)
    four = found.with_layout(Layout(tensor=4))
    crew = slow.with_layout(Layout(tensor=4)).crew()
    known = tables(slow.cost, crew.model, crew.device, slow.node, Layout(tensor=4))
    np.testing.assert_allclose(four.crew().tables.own[:6], known.own[:6], rtol=0.05)


def test_an_engine_of_other_devices_is_refused(tmp_path: Path) -> None:
    base = scenario(Layout(tensor=1), model="llama-3-8b")
    path = measured_engine(base, tmp_path / "engine.yaml")
    with pytest.raises(ValueError, match="of the memory bandwidth; was another model, device or number of devices"):
        fitted(replace(base, device="l40s"), str(path), 1)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="evenly calibrate"):
        fitted(scenario(), str(tmp_path / "none.yaml"), 8)
