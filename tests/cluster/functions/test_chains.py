"""Calls that make others, and pods that are started ahead of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenly.balance.keepalives.fixed import Fixed
from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.chains.expected import Expected
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.workflows import Workflows
from evenly.core import Ints
from evenly.testing.functions import sample, served

RUNS, STEPS, PERIOD, RUN, COLD, PAUSE = 12, 4, 600.0, 2.0, 1.0, 0.5


def workflow() -> Calls:
    """Return a workflow that runs every ten minutes; each step's function is called when the one before has ended."""
    none: Ints = np.zeros(STEPS, np.int64)
    lead = np.full(STEPS, 1.2 * COLD)
    functions = Functions(none, none, none, none + 1, lead, ("workflow-S",), ("Go",), ("300-128",))
    count = RUNS * STEPS
    function = np.repeat(np.arange(STEPS), RUNS)
    parent = np.arange(count) - RUNS
    parent[:RUNS] = -1
    arrival = np.full(count, np.nan)
    arrival[:RUNS] = PERIOD * np.arange(RUNS)
    parts = np.tile([0.0, 0.0, 0.0, COLD], (count, 1))
    return Calls(
        functions,
        function,
        arrival,
        np.full(count, RUN),
        parts,
        parts,
        PERIOD * RUNS,
        parent=parent,
        after=np.full(count, PAUSE),
    )


def test_a_step_comes_when_the_one_before_has_ended() -> None:
    run = served(FunctionsScenario(keep=Fixed(60.0)), workflow())
    arrival, end = (run.calls[name].reshape(STEPS, RUNS) for name in ("arrival", "end"))
    assert arrival[1:] == pytest.approx(end[:-1] + PAUSE)
    assert np.isfinite(run.calls["began"]).all()


def test_once_a_chain_is_known_only_its_first_step_starts_cold() -> None:
    run = served(FunctionsScenario(keep=Fixed(60.0), chain=Expected()), workflow())
    cold = np.isfinite(run.calls["began"]).reshape(STEPS, RUNS)
    assert cold[:, :2].all()
    assert cold[0].all()
    assert not cold[1:, 6:].any()
    assert (run.calls["start"] - run.calls["arrival"]).reshape(STEPS, RUNS)[1:, 6:].max() == 0.0


def test_a_child_that_comes_seldom_gets_no_pod() -> None:
    calls = Workflows(workflows=5, steps=2, goes_on=0.2, hours=48.0).draw(1)
    plain, asked = (
        served(FunctionsScenario(keep=Fixed(60.0), chain=chain), calls) for chain in (None, Expected(share=0.9))
    )
    assert len(asked.pods) <= len(plain.pods) + 5


def test_a_chain_needs_calls_that_make_others() -> None:
    with pytest.raises(ValueError, match="no call makes another"):
        FunctionsScenario(chain=Expected()).simulate(sample(0))


def test_workflows_go_on_as_often_as_they_say() -> None:
    calls = Workflows(workflows=50, steps=3, goes_on=0.7, hours=24.0).draw(4)
    step = calls.function % 3
    counts = np.bincount(step, minlength=3)
    assert counts[1] / counts[0] == pytest.approx(0.7, abs=0.05)
    made = np.flatnonzero(calls.parent >= 0)
    assert (calls.function[made] == calls.function[calls.parent[made]] + 1).all()


@pytest.mark.parametrize(
    ("change", "said"), [({"steps": 0}, "steps is 1"), ({"goes_on": 2.0}, "goes_on"), ({"pause": -1.0}, "pause")]
)
def test_senseless_workflows_are_refused(change: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Workflows(**change)


@pytest.mark.parametrize(("change", "said"), [({"share": 2.0}, "share is"), ({"seen": 0}, "seen is at least 1")])
def test_senseless_chains_are_refused(change: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Expected(**change)


@pytest.mark.parametrize(
    ("parent", "said"), [([-1, 1], "stands before it"), ([0, -1], "must follow"), ([-1], "or none")]
)
def test_calls_that_nobody_can_make_are_refused(parent: list[int], said: str) -> None:
    calls = sample(0, 2)
    with pytest.raises(ValueError, match=said):
        replace(calls, parent=np.array(parent), after=np.zeros(len(parent)))
