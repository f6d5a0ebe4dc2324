"""Hold a schedule of vLLM against the simulator: the compiled kernel, and the twin that can tell more."""

from collections.abc import Sequence
from typing import Any

from tests.serve.twin.jobs import Job, Pass, Setup
from tests.serve.twin.kernel import price, simulate
from tests.serve.twin.run import run as run_twin


def told(batch: Pass) -> dict[str, Any]:
    """Return all that is compared of a pass; orders count, those of a row are the order of the running requests."""
    return {
        "tokens by request": batch.row,
        "preempted": batch.preempted,
        "cache hits": batch.hits,
        "free blocks": batch.free,
        "start": batch.start,
        "seconds": batch.seconds,
    }


def outcome(job: Job) -> dict[str, Any]:
    """Return all that is compared of a request."""
    return {
        "token times": job.times,
        "arrival": job.arrival,
        "start": job.start,
        "finish": job.finish,
        "preemptions": job.preemptions,
        "cached": job.cached,
    }


def difference(one: dict[str, Any], other: dict[str, Any], where: str) -> str:
    """Return the first entry in which vLLM and the simulator differ, or nothing."""
    for name, value in one.items():
        if value != other[name]:
            return f"{where}, {name}: vLLM {value}, simulator {other[name]}"
    return ""


def against_twin(setup: Setup, jobs: Sequence[Job], vllm_jobs: Sequence[Job], vllm_passes: Sequence[Pass]) -> str:
    """Serve the jobs in plain Python; return the first difference to vLLM in who does what in which pass."""
    _, passes = run_twin(setup, jobs, price)
    for number, (own, other) in enumerate(zip(vllm_passes, passes, strict=False)):
        found = difference(told(own), told(other), f"pass {number}")
        if found:
            return found
    if len(passes) != len(vllm_passes):
        return f"vLLM {len(vllm_passes)} passes, simulator {len(passes)}"
    return _first(
        difference(outcome(a), outcome(b), f"request {a.index}") for a, b in zip(vllm_jobs, jobs, strict=True)
    )


def against_kernel(setup: Setup, jobs: Sequence[Job], vllm_jobs: Sequence[Job], vllm_passes: Sequence[Pass]) -> str:
    """Serve the jobs in the compiled kernel; return the first difference to vLLM.

    The kernel writes down of each pass its prompt chunks with the tokens before them, its decodes and their contexts,
    start, end and preemptions, and when each request got each of its tokens: equal times of all tokens and equal
    passes leave no room for another schedule.
    """
    run, diary = simulate(setup, jobs)
    asked = diary.read(int(run.pools["steps"].sum()))
    for number, (batch, other) in enumerate(zip(vllm_passes, asked, strict=False)):
        mine = (batch.chunks, batch.decodes, batch.resident, batch.longest)
        if mine != other:
            return f"pass {number}: vLLM {batch.row}, {mine}; kernel {other}"
    if len(asked) != len(vllm_passes):
        return f"vLLM {len(vllm_passes)} passes, kernel {len(asked)}"
    columns = {
        "starts": (run.log[:, 1].tolist(), [batch.start for batch in vllm_passes]),
        "ends": (run.log[:, 2].tolist(), [batch.start + batch.seconds for batch in vllm_passes]),
        "preemptions": (run.log[:, 7].tolist(), [len(batch.preempted) for batch in vllm_passes]),
        "least free": (int(run.pools["least_free"][0]), min(batch.free for batch in vllm_passes)),
    }
    for name, (simulated, real) in columns.items():
        if simulated != real:
            return f"{name}: vLLM {real}, kernel {simulated}"
    return _first(
        difference(outcome(job), record, f"request {job.index}")
        for job, record in zip(vllm_jobs, _records(run, vllm_jobs), strict=True)
    )


def _records(run: Any, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    first = 0
    records = []
    for job in jobs:
        record = {
            name: run.requests[name][job.index] for name in ("arrival", "start", "finish", "preemptions", "cached")
        }
        records.append(record | {"token times": run.tokens[first : first + job.output].tolist()})
        first += job.output
    return records


def _first(found: Any) -> str:
    return next((text for text in found if text), "")


def skipped(setup: Setup, jobs: Sequence[Job], vllm_jobs: Sequence[Job]) -> float:
    """Return the largest difference in seconds of an end to vLLM's, if the kernel skips ahead over equal passes."""
    run, _ = simulate(setup, jobs, step=False)
    return max(abs(float(run.requests["finish"][job.index]) - (job.finish or 0.0)) for job in vllm_jobs)
