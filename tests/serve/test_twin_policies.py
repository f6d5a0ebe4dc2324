"""Orders that count service and blocks that stay: the lazy kernel against a twin that ranks everybody each time."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from evenly.core import Array, Floats
from tests.seeds import seeds
from tests.serve.twin.compare import disagreement
from tests.serve.twin.engine import serve
from tests.serve.twin.jobs import Job, Setup
from tests.serve.twin.kernel import copy_seconds, price, simulate
from tests.serve.twin.orders import Ledger
from tests.serve.twin.run import ENGINES, run
from tests.serve.twin.workloads import ORDERS, offloaded, ordered, retained


@seeds(60, 120, 500)
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_makes_the_schedule_of_a_twin_that_ranks_all_waiting_requests_each_time(
    order: str, seeds: range
) -> None:
    for seed in seeds:
        assert disagreement(*ordered(order, seed)) == "", f"ordered({order!r}, {seed})"


@seeds(60, 250, 1000)
def test_blocks_that_stay_make_the_schedule_of_a_twin_that_lists_them(seeds: range) -> None:
    for seed in seeds:
        assert disagreement(*retained(seed)) == "", f"retained({seed})"


@seeds(60, 250, 1000)
def test_a_host_cache_makes_the_schedule_of_a_twin_that_lists_what_is_there(seeds: range) -> None:
    for seed in seeds:
        assert disagreement(*offloaded(seed)) == "", f"offloaded({seed})"


def test_the_random_workloads_reach_every_rule_of_the_host_cache() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        setup, jobs = offloaded(seed)
        engine, _ = run(replace(setup, swap_seconds=copy_seconds(setup)), jobs, price)
        seen += Counter(engine.beyond.seen)
    assert min(seen[name] for name in ("saved", "overwritten", "loaded", "too early", "saved by a victim")) > 5, seen


def test_the_random_workloads_reach_every_rule_of_orders_and_retentions() -> None:
    """What the comparison is worth: each rule must decide something somewhere."""
    seen: Counter[str] = Counter()
    for order in ORDERS:
        for seed in range(60):
            setup, jobs = ordered(order, seed)
            engine, passes = run(setup, jobs, price)
            seen[f"lifted by {order}"] += engine.ledger.lifts
            seen[f"preempted under {order}"] += sum(len(one.preempted) for one in passes)
            served = [job.index for job in sorted(jobs, key=lambda one: (one.start or 0.0, one.index))]
            seen[f"out of order under {order}"] += served != sorted(served)
    for seed in range(60):
        setup, jobs = retained(seed)
        engine, passes = run(setup, jobs, price)
        seen["preempted beside kept blocks"] += sum(len(one.preempted) for one in passes)
        seen += Counter(engine.kept.ends)
    rules = [name for name in seen if not name.startswith("lifted")]
    assert min(seen[name] for name in rules) > 5, seen
    assert seen["lifted by virtual-token-counter"] > 5
    assert seen["lifted by deficit-round-robin"] > 5
    assert seen["lifted by fair-programs"] > 5
    assert {"kept", "expired", "given up", "used", "refused"} <= set(rules)


COUNTS = ("waiting", "running", "prompt", "output", "first", "started")


@dataclass(frozen=True, slots=True)
class Listening:
    """Rank by arrival, and write down what every request found as it came."""

    heard: list[tuple[Any, ...]] = field(default_factory=list)
    counts: ClassVar[str] = "user"

    def rank(self, now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        if sequence > 0:
            own = flows[requests["flow"][request]]
            self.heard.append((request, now, *(float(own[name]) for name in COUNTS)))
        return float(requests["arrival"][request])


def found_by_the_twin(setup: Setup, jobs: list[Job]) -> list[tuple[Any, ...]]:
    """Serve in order of arrival and write down the same."""
    heard: list[tuple[Any, ...]] = []
    engine = ENGINES[setup.engine](setup)

    class Writing(Ledger):
        def join(self, job: Job, now: float, waiting: Any) -> None:
            super().join(job, now, waiting)
            flow = self.flow(job)
            queue = sum(other.user == job.user for other in waiting)
            seats = sum(other.seated and other.user == job.user for other in engine.jobs())
            started = flow.started if np.isfinite(flow.started) else np.nan
            heard.append((job.index, now, queue, seats, flow.prompt, flow.output, flow.first, started))

        def rank(self, job: Job) -> float:
            return job.arrival

    engine.ledger = Writing(setup.order, setup.seed)
    serve(engine, jobs, price)
    return heard


def test_an_order_finds_the_counts_that_the_twin_finds() -> None:
    asked = 0
    for seed in range(100):
        setup, jobs = ordered("virtual-token-counter", seed)
        listening = Listening()
        setup = replace(setup, order=listening, swap_seconds=copy_seconds(setup) if setup.swap else 0.0)
        simulate(setup, jobs)
        twin = found_by_the_twin(setup, jobs)
        ours = listening.heard[-len(twin) :]  # a first attempt without block identities goes before
        assert np.array_equal(np.array(ours), np.array(twin), equal_nan=True), f"ordered({seed})"
        asked += len(twin)
    assert asked > 500
