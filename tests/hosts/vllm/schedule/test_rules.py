"""The rules of docs/vllm-rules.md that random workloads leave out or seldom reach, each at its smallest."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.hosts.vllm.schedule.compare import against_kernel, against_twin
from tests.hosts.vllm.schedule.workloads import branched, workload
from tests.serve.twin.engine import StuckError, serve
from tests.serve.twin.jobs import Cost, Job, Setup
from tests.serve.twin.kernel import price
from tests.serve.twin.run import run as run_twin

pytestmark = pytest.mark.vllm


class EndlessError(Exception):
    """More passes than any schedule that ends would take."""


def patient(passes: int) -> Cost:
    """Return the usual cost, which raises `EndlessError` after so many passes."""
    left = passes

    def cost(chunk: Sequence[int], before: Sequence[int], decodes: int, resident: int, longest: int) -> float:
        nonlocal left
        left -= 1
        if left < 0:
            raise EndlessError
        return price(chunk, before, decodes, resident, longest)

    return cost


def twins() -> tuple[Setup, list[Job]]:
    """Return two equally urgent requests of the same instant, and blocks for one of them."""
    setup = Setup(
        engine="vllm-v1", release="0.32", block=8, blocks=4, longest=64, seats=8, budget=8, threshold=4, priority=True
    )
    return setup, [Job(index=i, arrival=0.0, prompt=17, output=1) for i in range(2)]


def test_equally_urgent_requests_of_one_time_stamp_preempt_each_other_for_ever_in_vllm(real: Any) -> None:
    setup, jobs = twins()
    with pytest.raises(EndlessError):
        serve(real.Vllm(setup, apart=False), jobs, patient(1000))


def test_the_later_one_gives_way_where_time_stamps_differ_as_in_the_simulator(real: Any) -> None:
    setup, jobs = twins()
    _, passes = real.run(setup, jobs, patient(1000))
    assert {index for batch in passes for index in batch.preempted} == {1}
    assert against_twin(setup, twins()[1], jobs, passes) == ""
    assert against_kernel(setup, twins()[1], jobs, passes) == ""


def nearly_full() -> tuple[Setup, list[Job]]:
    """Return requests of which one is preempted in the very pass that fills its block, and one asks for an old block.

    In the fourth pass requests 2 and 3 give way. The freed block of 2 is as good as known, so the next token of 1
    takes the oldest free block, which held the prompt of 0; request 4 repeats that prompt too late.
    """
    setup = Setup(
        engine="vllm-v1", release="0.32", block=8, blocks=9, longest=64, seats=8, budget=34, priority=True, cache=True
    )
    return setup, [
        Job(index=0, arrival=0.0, prompt=9, output=1, ids=(1,), id_block=8),
        Job(index=1, arrival=0.02, prompt=14, output=6, ids=(2,), id_block=8),
        Job(index=2, arrival=0.02, prompt=14, output=6, ids=(2,), id_block=8, priority=9),
        Job(index=3, arrival=0.025, prompt=61, output=1, id_block=8, priority=8),
        Job(index=4, arrival=0.06, prompt=9, output=1, ids=(1,), id_block=8),
    ]


def test_a_block_that_the_pass_of_its_preemption_would_have_filled_counts_as_known(real: Any) -> None:
    setup, jobs = nearly_full()
    _, passes = real.run(setup, jobs, price)
    assert passes[3].preempted == [2, 3]
    assert jobs[4].cached == 0
    assert against_twin(setup, nearly_full()[1], jobs, passes) == ""
    assert against_kernel(setup, nearly_full()[1], jobs, passes) == ""


def test_turns_that_follow_the_same_one_share_what_was_said_until_then_and_no_more(real: Any) -> None:
    for seed in range(20):
        setup, jobs = branched(seed)
        assert len({job.after for job in jobs if job.after >= 0}) < sum(job.after >= 0 for job in jobs)
        _, passes = real.run(setup, jobs, price)
        assert against_twin(setup, branched(seed)[1], jobs, passes) == "", f"branched({seed})"
        assert against_kernel(setup, branched(seed)[1], jobs, passes) == "", f"branched({seed})"


def test_no_turn_of_the_other_workloads_is_followed_twice() -> None:
    for seed in range(60):
        followed = [job.after for job in workload(seed)[1] if job.after >= 0]
        assert len(set(followed)) == len(followed), f"workload({seed})"


def test_a_request_larger_than_the_cache_waits_for_ever_in_vllm_and_is_refused_by_the_simulator(real: Any) -> None:
    class Trusting(real.Vllm):  # type: ignore[name-defined]
        def hopeless(self, job: Job) -> bool:
            return False

    setup = Setup(engine="vllm-v1", release="0.32", block=8, blocks=4, longest=64, seats=8, budget=64, whole=True)
    with pytest.raises(StuckError):
        serve(Trusting(setup), [Job(index=0, arrival=0.0, prompt=25, output=1)], price)
    refused = Job(index=0, arrival=0.0, prompt=25, output=1)
    run_twin(setup, [refused], price)
    assert refused.failed
