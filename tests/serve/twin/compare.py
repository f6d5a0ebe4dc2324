"""Hold the compiled kernel against the twin: pass by pass, request by request, to the last bit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tests.serve.twin.engine import Engine
from tests.serve.twin.jobs import Job, Pass, Setup
from tests.serve.twin.kernel import Diary, copy_seconds, price, simulate
from tests.serve.twin.run import run


def disagreement(setup: Setup, jobs: Sequence[Job]) -> str:
    """Serve a workload on both; return the first difference, or nothing."""
    kernel, diary = simulate(setup, jobs)
    setup = replace(setup, swap_seconds=copy_seconds(setup) if setup.swap or setup.host_cache else 0.0)
    twin, passes = run(setup, jobs, price)
    _check_end(twin, kernel)
    return _compare_passes(passes, kernel, diary) or _compare_jobs(jobs, kernel)


def _check_end(twin: Engine, kernel: Any) -> None:
    """Assert that all blocks came back, in both, save those whose time to be kept is not over."""
    twin.check()
    assert kernel.pools["free"][0] == len(twin.pool.free)
    assert twin.setup.ttl > 0 or len(twin.pool.free) == twin.pool.blocks
    assert twin.host == twin.setup.host


def _compare_passes(passes: Sequence[Pass], kernel: Any, diary: Diary) -> str:
    theirs = diary.read(int(kernel.pools["steps"].sum()))
    for number, (own, other) in enumerate(zip(passes, theirs, strict=False)):
        mine = (own.chunks, own.decodes, own.resident, own.longest)
        if mine != other:
            return f"pass {number} at {own.start}: twin {own.row}, {mine}; kernel {other}"
    if len(passes) != len(theirs):
        return f"twin {len(passes)} passes, kernel {len(theirs)}"
    columns: dict[int, list[float]] = {
        1: [one.start for one in passes],
        2: [one.start + one.seconds for one in passes],
        7: [len(one.preempted) for one in passes],
    }
    for column, values in columns.items():
        if values != kernel.log[:, column].tolist():
            return f"column {column} of the log: twin {values}, kernel {kernel.log[:, column].tolist()}"
    least = min((one.free for one in passes), default=kernel.blocks)
    return "" if least == kernel.pools["least_free"][0] else f"least free: twin {least}"


def _compare_jobs(jobs: Sequence[Job], kernel: Any) -> str:
    first = 0
    for job in jobs:
        record = kernel.requests[job.index]
        times = kernel.tokens[first : first + job.output].tolist()
        first += job.output
        if job.failed:
            if not np.isnan(record["finish"]):
                return f"request {job.index}: the twin gives it up"
            continue
        for name, mine, other in (
            ("token times", job.times, times),
            ("arrival", job.arrival, record["arrival"]),
            ("start", job.start, record["start"]),
            ("first token", job.times[0], record["first_token"]),
            ("finish", job.finish, record["finish"]),
            ("preemptions", job.preemptions, record["preemptions"]),
            ("cached", job.cached, record["cached"]),
        ):
            if mine != other:
                return f"{name} of request {job.index}: twin {mine}, kernel {other}"
    return ""
