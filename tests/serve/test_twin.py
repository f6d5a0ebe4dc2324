"""The compiled kernel and a naive twin in plain Python agree pass by pass, to the last bit."""

import pytest

from tests.seeds import seeds
from tests.serve.twin.compare import disagreement
from tests.serve.twin.kernel import price
from tests.serve.twin.run import run
from tests.serve.twin.workloads import ENGINES, workload


@seeds(60, 120, 500)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_kernel_agrees_with_the_twin_pass_by_pass(engine: str, seeds: range) -> None:
    for seed in seeds:
        assert disagreement(*workload(engine, seed)) == "", f"workload({engine!r}, {seed})"


def test_the_random_workloads_reach_every_rule() -> None:
    """What the comparison is worth: each rule must decide something somewhere."""
    seen: dict[str, int] = {}
    for engine in ENGINES:
        for seed in range(60):
            setup, jobs = workload(engine, seed)
            _, passes = run(setup, jobs, price)
            for rule, count in (
                ("preempted", sum(len(one.preempted) for one in passes)),
                ("swapped in", sum(len(one.swapped_in) for one in passes)),
                ("hits", sum(len(one.hits) for one in passes)),
                ("rejected", sum(one.failed for one in jobs)),
                ("waited for a turn", sum(one.after >= 0 and not one.failed for one in jobs)),
                ("seats full", sum(len(one.items) == setup.seats > 1 for one in passes)),
                ("budget spent", sum(one.tokens == setup.budget for one in passes)),
                ("prompts cut", sum(before > 0 for one in passes for _, before in one.chunks)),
            ):
                seen[rule] = seen.get(rule, 0) + int(count)
    assert min(seen.values()) > 5, seen
