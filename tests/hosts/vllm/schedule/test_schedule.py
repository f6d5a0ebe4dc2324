"""vLLM 0.32's own scheduler and the simulator make the same schedule, pass by pass."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.hosts.vllm.schedule.compare import against_kernel, against_twin, skipped
from tests.hosts.vllm.schedule.workloads import workload
from tests.seeds import seeds
from tests.serve.twin.jobs import Job, Pass, Setup
from tests.serve.twin.kernel import price

pytestmark = pytest.mark.vllm
FEW = 60


@cache
def scheduled(real: Any, seed: int) -> tuple[Setup, list[Job], list[Pass]]:
    """Serve one random workload with vLLM's scheduler."""
    setup, jobs = workload(seed)
    _, passes = real.run(setup, jobs, price)
    return setup, jobs, passes


def disagreement(real: Any, seed: int) -> str:
    """Return the first difference between vLLM and the simulator on one random workload, or nothing."""
    setup, jobs, passes = scheduled(real, seed)
    found = against_twin(setup, workload(seed)[1], jobs, passes)
    return found or against_kernel(setup, workload(seed)[1], jobs, passes)


@seeds(FEW, 150, 500)
def test_the_simulator_schedules_as_vllm_does_pass_by_pass_and_every_request_ends_once(real: Any, seeds: range) -> None:
    for seed in seeds:
        assert disagreement(real, seed) == "", f"workload({seed})"
        assert broken_law(*scheduled(real, seed)) == "", f"workload({seed})"


def test_skipping_ahead_over_equal_passes_ends_every_request_when_vllm_ends_it(real: Any) -> None:
    for seed in range(FEW):
        setup, jobs, _ = scheduled(real, seed)
        assert skipped(setup, workload(seed)[1], jobs) < 1e-9, f"workload({seed})"


def broken_law(setup: Setup, jobs: Sequence[Job], passes: Sequence[Pass]) -> str:
    """Return which law a schedule of vLLM breaks, or nothing; that blocks are conserved is asserted at every pass."""
    for number, batch in enumerate(passes):
        if not 0 < batch.tokens <= setup.budget:
            return f"pass {number} has {batch.tokens} tokens of {setup.budget}"
        if len({index for index, _, _ in batch.row}) < len(batch.row) or len(batch.row) > setup.seats:
            return f"pass {number} runs {batch.row} on {setup.seats} seats"
    held = Counter[int]()
    for batch in passes:
        for index in batch.preempted:
            held[index] = 0
        for index, tokens in batch.hits.items():
            held[index] = tokens
        for index, count, _ in batch.row:
            held[index] += count
    for job in jobs:
        if len(job.times) != job.output or job.finish != job.times[-1] or job.times != sorted(set(job.times)):
            return f"request {job.index} of {job.output} tokens gets them at {job.times} and ends at {job.finish}"
        if held[job.index] != job.prompt + job.output - 1:  # nobody computes the last token
            return f"request {job.index} of {job.prompt} + {job.output} tokens holds {held[job.index]} as it ends"
    return ""


def test_a_simulator_that_ignores_one_rule_is_found_out(real: Any) -> None:
    """What the comparison is worth: each rule decides something somewhere."""
    changes: dict[str, Any] = {
        "rules of release 0.10": lambda setup: replace(setup, release="0.10", whole=False, watermark=0),
        "whole request fits": lambda setup: replace(setup, whole=not setup.whole),
        "watermark": lambda setup: replace(setup, watermark=1 - min(1, setup.watermark)),
        "longest chunk": lambda setup: replace(setup, threshold=1 << 40),
        "prefix cache": lambda setup: replace(setup, cache=not setup.cache),
        "priority": lambda setup: replace(setup, priority=not setup.priority),
        "chunks": lambda setup: replace(setup, chunked=True),
        "seats": lambda setup: replace(setup, seats=setup.seats + 1),
        "one block more": lambda setup: replace(setup, blocks=setup.blocks + 1),
    }
    found = Counter[str]()
    for seed in range(FEW):
        setup, jobs, passes = scheduled(real, seed)
        for name, change in changes.items():
            other = change(setup)
            found[name] += other != setup and against_twin(other, workload(seed)[1], jobs, passes) != ""
    assert all(found[name] >= 3 for name in changes), found


def test_the_random_workloads_press_against_every_limit(real: Any) -> None:
    seen = Counter[str]()
    for seed in range(FEW):
        setup, jobs, passes = scheduled(real, seed)
        urgency = {job.index: job.urgency for job in jobs}
        seen["preempted"] += sum(len(batch.preempted) for batch in passes)
        seen["preempted twice in a pass"] += sum(len(batch.preempted) > 1 for batch in passes)
        seen["resumed on its own blocks"] += sum(
            index in batch.hits and batch.hits[index] > (jobs[index].cached or 0)
            for batch in passes
            for index in batch.hits
        )
        seen["first hits"] += sum(bool(job.cached) for job in jobs)
        seen["hits of a later turn"] += sum(bool(job.cached) and job.after >= 0 for job in jobs)
        seen["seats full"] += sum(len(batch.row) == setup.seats for batch in passes)
        seen["budget spent"] += sum(batch.tokens == setup.budget for batch in passes)
        seen["prompts cut"] += sum(before > 0 for batch in passes for _, before in batch.chunks)
        seen["one token of output"] += sum(job.output == 1 for job in jobs)
        seen["prompt fills its blocks"] += sum(job.prompt % setup.block == 0 for job in jobs)
        seen["arrive together"] += len(jobs) - len({job.arrival for job in jobs})
        seen["overtaken by a more urgent one"] += setup.priority and sum(
            urgency[one] > urgency[other]
            for batch in passes
            for (one, _, _), (other, _, _) in zip(batch.row, batch.row[1:], strict=False)
        )
    assert min(seen.values()) > 20, seen
