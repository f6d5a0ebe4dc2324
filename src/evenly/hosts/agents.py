"""Run agent programs against a real server: between two turns a program runs a real tool, as a process of its own."""

import asyncio
import contextlib
import math
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from evenly.core import Ints, Trace
from evenly.core.scenario import Progress, silent
from evenly.hosts.replay import Replayed, driven
from evenly.hosts.replay_client import Client, Server
from evenly.hosts.replay_hints import Hints
from evenly.hosts.replay_prompts import VOCABULARY, Prompts
from evenly.serve.scenario import servable

Command = Sequence[str]


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a tool."""

    request: int
    "After which request of the trace."
    tool: int
    seconds: float
    status: int | None
    "Its exit status; `None` if it took too long and was killed."


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """What agent programs saw."""

    replayed: Replayed
    calls: tuple[Call, ...]
    answers: tuple[Ints, ...]
    "Token ids of each answer; empty where the server gave none."

    def jobs(self) -> dict[int, float]:
        """Return the seconds of each program from its first request to its last token; NaN if one failed."""
        found, trace = self.replayed, self.replayed.trace
        assert trace.session is not None
        return {
            program: float(found.finish[trace.session == program].max() - found.sent[trace.session == program].min())
            for program in np.unique(trace.session).tolist()
        }

    def prefilled(self) -> int:
        """Return the prompt tokens that the server had to compute; those in its cache are told by the server."""
        return int((self.replayed.trace.prompt - np.maximum(self.replayed.cached, 0)).sum())


@dataclass(slots=True)
class Toolbox:
    """Runs tools as child processes, and leaves none behind."""

    commands: Sequence[Command]
    limit: float
    calls: list[Call] = field(default_factory=list)

    async def call(self, request: int, tool: int) -> None:
        """Run the tool of that code and wait for its end; whatever it started ends with it."""
        begin = time.perf_counter()
        nothing = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *self.commands[tool], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
        status: int | None = None
        try:
            with contextlib.suppress(TimeoutError):
                status = await asyncio.wait_for(process.wait(), self.limit)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its group, which lives as long as anybody in it
            await process.wait()
            self.calls.append(Call(request, tool, time.perf_counter() - begin, status))


class _Programs(Client):
    """A client that runs a tool where a replay pauses."""

    toolbox: Toolbox

    async def _follow(self, request: int, body: bytes) -> None:
        await self._send(request, body)
        following = self.followers.get(request, [])
        if following:
            assert self.trace.tool is not None
            await self._rest(self.toolbox.call(request, int(self.trace.tool[request])))
        for follower in following:
            self._start(self._later(follower, self.now()))


class _Kept(Prompts):
    """Prompts that ask for the ids of every answer, and keep them."""

    def __init__(self, trace: Trace, vocabulary: int) -> None:
        super().__init__(trace, vocabulary)
        self.answers: dict[int, Ints] = {}

    def wants(self, request: int) -> bool:
        """Ask for all."""
        return True

    def answered(self, request: int, ids: Sequence[int]) -> None:
        """Keep an answer."""
        self.answers[request] = np.asarray(ids, np.int64)
        super().answered(request, ids)


def agents(
    trace: Trace,
    url: str,
    commands: Sequence[Command],
    model: str = "",
    *,
    limit: float = 60.0,
    timeout: float = 600.0,
    vocabulary: int = VOCABULARY,
    progress: Progress = silent,
) -> Acted:
    """Run the programs of a trace against the server at `url`, for instance `http://localhost:8000/v1`.

    Programs begin at the times of the trace. A turn that is followed by another runs the command of its tool
    (`trace.tool`, an index into `commands`) as a child process, and the next turn is sent when that ends; one that
    takes longer than `limit` seconds is killed. What a tool prints is not read: prompts are as long as the trace says,
    with the answers that the server gave inside, so that runs under several policies can be compared. Program, place in
    it and tool are told to the server in the hints of a replay.

    Raises `ValueError` for a trace whose turns name no such tool, and as `replay` does.
    """
    sent = servable(trace)
    if len(sent) == 0 or sent.session is None or sent.after is None:
        raise ValueError("the trace has no programs: agents need turns that follow one another in a session")
    if not 0 < limit < math.inf:
        raise ValueError(f"limit is a positive number of seconds, not {limit}")
    used = sent.tool[sent.after[sent.after >= 0]] if sent.tool is not None else np.full(1, -1)
    if len(used) and (used.min() < 0 or used.max() >= len(commands)):
        raise ValueError(
            f"the tools of the trace run from {used.min()} to {used.max()}, and {len(commands)} commands are given: "
            "every turn that another one follows names one of them (trace.tool)"
        )
    prompts = _Kept(sent, vocabulary)
    client = _Programs(sent, Server(url, model, "", timeout), prompts, Hints(sent), progress=progress)
    client.toolbox = Toolbox(commands, limit)
    found = driven(client)
    nothing = np.empty(0, np.int64)
    answers = tuple(prompts.answers.get(request, nothing) for request in range(len(sent)))
    return Acted(found, tuple(client.toolbox.calls), answers)
