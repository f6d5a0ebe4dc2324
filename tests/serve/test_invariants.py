"""What every engine promises on any workload, read off the passes of the twin, which equal the kernel's."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.model import model
from tests.serve.twin.jobs import Job, Pass, Setup, ceil
from tests.serve.twin.kernel import price
from tests.serve.twin.run import run
from tests.serve.twin.workloads import ENGINES, workload

seeds = st.integers(0, 1 << 30)
some = settings(max_examples=15)


def passes_of(setup: Setup, jobs: Sequence[Job]) -> list[Pass]:
    """Serve; the pool is checked in every pass: free and owned blocks add up, and no block has two writers."""
    return run(setup, jobs, price)[1]


def roomy(setup: Setup, jobs: Sequence[Job]) -> Setup:
    """Return the setup with seats for all and blocks for all, even if each is to reserve the longest sequence."""
    blocks = 3 + len(jobs) * ceil(max(setup.longest, max(job.prompt + job.output for job in jobs)), setup.block)
    return replace(setup, blocks=blocks, seats=len(jobs))


@pytest.mark.parametrize("engine", ENGINES)
@some
@given(seed=seeds)
def test_seats_and_budget_hold_and_everybody_who_fits_alone_is_served(engine: str, seed: int) -> None:
    setup, jobs = workload(engine, seed)
    for one in passes_of(setup, jobs):
        assert one.row, "a pass without tokens"
        assert len(one.row) <= min(setup.seats, setup.batch)
        assert one.tokens <= max(setup.budget, one.decodes)
    for job in jobs:
        assert job.failed or len(job.times) == job.output
        assert job.times == sorted(set(job.times))


@pytest.mark.parametrize("engine", ENGINES)
@some
@given(seed=seeds)
def test_every_token_is_computed_once_save_hits_and_what_preemptions_lose(engine: str, seed: int) -> None:
    setup, jobs = workload(engine, seed)
    jobs = [replace(job, ids=(), session=-1) for job in jobs]
    passes = passes_of(replace(roomy(setup, jobs), watermark=0), jobs)
    owed = sum(job.prompt + job.output - 1 for job in jobs if not job.failed)
    assert sum(one.tokens for one in passes) == owed
    assert not any(one.preempted for one in passes)


@some
@given(seed=seeds)
def test_vllm_v0_gives_first_tokens_in_order_of_arrival(seed: int) -> None:
    setup, jobs = workload("vllm-v0", seed)
    jobs = [replace(job, after=-1, priority=0) for job in jobs]
    passes_of(replace(roomy(setup, jobs), priority=False), jobs)
    first = [job.times[0] for job in jobs if not job.failed]
    assert first == sorted(first)


@some
@given(seed=seeds)
def test_fastgen_fills_every_pass_exactly_while_prompts_wait_and_room_is_left(seed: int) -> None:
    setup, jobs = workload("fastgen", seed)
    jobs = [replace(job, arrival=0.0, after=-1) for job in jobs]
    passes = passes_of(replace(roomy(setup, jobs), batch=64), jobs)
    backlog = sum(job.prompt for job in jobs if not job.failed)
    for one in passes:
        backlog -= sum(count for count, _ in one.chunks)
        assert one.tokens == setup.budget or backlog == 0


@some
@given(seed=seeds)
def test_fastgen_gives_every_decode_a_token_each_pass_and_none_before_the_last_chunk(seed: int) -> None:
    setup, jobs = workload("fastgen", seed)
    wide = replace(roomy(setup, jobs), batch=64, budget=max(setup.budget, len(jobs)))
    ready: set[int] = set()
    computed = dict.fromkeys(range(len(jobs)), 0)
    for one in passes_of(wide, jobs):
        ran = {index for index, _, kind in one.row if kind == "decode"}
        assert ran == ready
        prompts = [(index, count) for index, count, kind in one.row if kind == "prompt"]
        for (index, count), (_, before) in zip(prompts, one.chunks, strict=True):
            assert before == computed[index]  # chunks in order
            computed[index] += count
            assert computed[index] <= jobs[index].prompt
        end = one.start + one.seconds
        for index, _ in prompts:
            whole = computed[index] == jobs[index].prompt
            assert (end in jobs[index].times) == whole
            if whole:
                ready.add(index)
        ready = {index for index in ready if jobs[index].times[-1] > end}


@given(total=st.integers(2, 8000), share=st.floats(0.0, 0.5), passes=st.integers(2, 5))
def test_an_even_split_over_passes_is_no_slower_than_any_other(total: int, share: float, passes: int) -> None:
    cost = Roofline()
    tables = cost.tables(model("llama-2-13b"), device("a100-80gb"), 1)

    def seconds(tokens: int) -> float:
        none = np.empty(0, np.int64)
        return float(cost.seconds(none, none, tokens, 0.0, 0, tables)[0]) if tokens else 0.0

    total -= total % passes  # an even split exists
    part = total // passes
    moved = int(part * share)
    even = passes * seconds(part)
    uneven = seconds(part - moved) + seconds(part + moved) + (passes - 2) * seconds(part)
    assert even <= uneven * (1 + 1e-12)
