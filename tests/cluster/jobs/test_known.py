"""What is equal is simulated once, and what differs in anything is not taken for equal."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.cluster.jobs import scenario as module
from evenly.cluster.jobs.cluster import Cluster
from evenly.cluster.jobs.estimates.noisy import Noisy
from evenly.cluster.jobs.known import Asked, Known
from evenly.cluster.jobs.scenario import JobsScenario
from evenly.cluster.jobs.simulate import simulate
from evenly.cluster.jobs.splits.runtime import Runtime
from evenly.cluster.jobs.splits.spark import Spark
from evenly.cluster.jobs.submissions.large_and_small import LargeAndSmall


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the queues that are simulated from now on, by a process that remembers nothing yet."""
    queues: list[Any] = []

    def told(*asked: Any) -> Any:
        queues.append(asked[2])
        return simulate(*asked)

    monkeypatch.setattr(module, "KNOWN", Known())
    monkeypatch.setattr(module, "simulate", told)
    return queues


def test_variants_share_their_reference_and_one_of_them_may_be_it(simulated: list[Any]) -> None:
    base = JobsScenario(trace=LargeAndSmall(), split=Spark())
    outcomes = [replace(base, queue=queue).run() for queue in (FirstCome(), Ujf(), base.queue)]
    assert simulated == [FirstCome(), Ujf(), base.queue]
    assert outcomes[1].metrics["dvr"] == 0.0


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"cores": 3},
        {"split": Runtime(0.7)},
        {"estimate": Noisy()},
        {"weights": {"small-1": 2.0}},
        {"trace": LargeAndSmall(), "overhead": 0.1},
    ],
)
def test_what_differs_is_simulated(simulated: list[Any], change: dict[str, Any]) -> None:
    base = JobsScenario(trace=LargeAndSmall(), queue=Ujf(), split=Runtime(5.0))
    base.run()
    replace(base, **change).run()
    assert len(simulated) == 2


def test_those_asked_for_last_are_kept_as_long_as_they_fit() -> None:
    base = JobsScenario(trace=LargeAndSmall(), split=Spark())
    jobs = base.trace.draw(0)
    run = base.simulate(jobs)
    asked = [Asked(seed, Cluster(), base.queue, base.split, base.estimate, jobs.jobs) for seed in range(3)]
    known = Known(2 * len(run.job))
    known.keep(asked[0], run)
    known.keep(asked[1], run)
    assert known.find(asked[0]) is run
    known.keep(asked[2], run)
    assert [known.find(one) is run for one in asked] == [True, False, True]
    assert Known(1).find(asked[0]) is None


def test_a_run_that_is_shared_cannot_be_changed() -> None:
    base = JobsScenario(trace=LargeAndSmall(), split=Spark())
    with pytest.raises(ValueError, match="read-only"):
        np.negative(base.simulate(base.trace.draw(0)).finish, out=base.simulate(base.trace.draw(0)).finish)
