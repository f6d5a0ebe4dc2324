"""Agent programs against a stub: tools are real processes, run between two turns, and end with them."""

import asyncio
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.stub import Stub
from evenly.core import Trace
from evenly.hosts.agents import Acted, Toolbox, agents
from tests.hosts.served import serving

NOTHING = ("true",)


def programs(tools: int = 2) -> Trace:
    """Return three programs of three turns; tool 0 runs after the first, the last of `tools` after the second."""
    turn = np.tile([0, 1, 2], 3)
    return Trace(
        arrival=np.repeat([0.0, 0.05, 0.1], 3),
        prompt=20 + 10 * turn,
        output=np.full(9, 4),
        session=np.repeat([0, 1, 2], 3),
        after=np.where(turn > 0, np.arange(9) - 1, -1),
        pause=np.full(9, 99.0),  # never waited for: the tools take their own time
        tool=np.array([0, tools - 1, -1] * 3),
    )


def test_a_turn_is_sent_when_the_tool_before_it_ended_and_every_tool_runs_once(tmp_path: Path) -> None:
    slow = ("sh", "-c", "sleep 0.2; exit 3")
    write = ("sh", "-c", f"echo again >> {tmp_path / 'ran'}")
    with serving(Stub(tell=True)) as url:
        found = agents(programs(), url, [slow, write])
    assert (tmp_path / "ran").read_text().split() == ["again"] * 3
    assert sorted((call.request, call.tool, call.status) for call in found.calls) == sorted(
        [(3 * k, 0, 3) for k in range(3)] + [(3 * k + 1, 1, 0) for k in range(3)]
    )
    seen, took = found.replayed, {call.request: call.seconds for call in found.calls}
    for later in (1, 2, 4, 5, 7, 8):
        gap = seen.sent[later] - seen.finish[later - 1]
        assert took[later - 1] <= gap < 99.0
    assert min(took[request] for request in (0, 3, 6)) >= 0.2
    jobs = found.jobs()
    assert jobs[0] == pytest.approx(seen.finish[2] - seen.sent[0])
    assert [len(ids) for ids in found.answers] == [4] * 9


def test_a_tool_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "child"
    box = Toolbox([("sh", "-c", f"sleep 300 & echo $! > {note}; wait")], limit=2.0)
    asyncio.run(box.call(7, 0))
    assert [(call.request, call.status) for call in box.calls] == [(7, None)]
    assert _ends(int(note.read_text()))


def test_a_tool_ends_with_a_run_that_is_given_up(tmp_path: Path) -> None:
    note = tmp_path / "child"
    box = Toolbox([("sh", "-c", f"echo $$ > {note}; sleep 300")], limit=60.0)

    async def given_up() -> None:
        task = asyncio.create_task(box.call(0, 0))
        while not note.exists() or not note.read_text():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(given_up())
    assert _ends(int(note.read_text()))


def _ends(process: int) -> bool:
    """Tell whether a process ends; one that was killed takes a moment to."""
    end = time.monotonic() + 10
    while (runs := _runs(process)) and time.monotonic() < end:
        time.sleep(0.01)
    return not runs


def _runs(process: int) -> bool:
    """Tell whether a process runs; one that ended and that nobody asked for does not."""
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are looked up in /proc")
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_a_program_that_the_server_fails_has_no_time() -> None:
    trace = programs()
    with serving(Stub()) as url:
        found = agents(trace, url, [NOTHING, NOTHING])
    broken = replace(found.replayed, finish=np.where(np.arange(9) == 4, np.nan, found.replayed.finish))
    jobs = Acted(broken, found.calls, found.answers).jobs()
    assert [math.isnan(jobs[program]) for program in (0, 1, 2)] == [False, True, False]


@pytest.mark.parametrize(
    ("trace", "commands", "message"),
    [
        (Trace(np.zeros(1), np.ones(1, int), np.ones(1, int)), [NOTHING], "the trace has no programs"),
        (programs(tools=3), [NOTHING, NOTHING], "the tools of the trace run from 0 to 2, and 2 commands are given"),
        (replace(programs(), tool=None), [NOTHING], r"every turn that another one follows names one of them"),
    ],
)
def test_a_trace_without_programs_or_with_tools_that_nobody_named_is_told(
    trace: Trace, commands: list[tuple[str, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        agents(trace, "http://localhost:1/v1", commands)


def test_a_limit_of_no_time_is_told() -> None:
    with pytest.raises(ValueError, match="limit is a positive number of seconds, not 0"):
        agents(programs(), "http://localhost:1/v1", [NOTHING, NOTHING], limit=0.0)
