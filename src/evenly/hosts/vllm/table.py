"""The requests of the engine as the records that policies read, and what was served to each user or program."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Ints
from evenly.hosts.vllm.hints import Hints
from evenly.kernel.compiling import entry as direct
from evenly.kernel.serving import waiting
from evenly.kernel.serving.records import FLOW, NONE, REQUEST

ROWS = 256  # requests and flows that there is room for at first
MOST_FLOWS = 1 << 14  # users or programs remembered; then the one that was idle longest makes room
MOST_PAUSED = 1 << 14  # programs between two turns that are remembered, beside those whose blocks are kept


@dataclass(slots=True, eq=False)
class Entry:
    """What the adapter hangs on a request of vLLM's."""

    row: int
    "Of the request's record."
    number: int
    "How many requests came before it."
    flow: int
    "Row of its user or program."
    hints: Hints
    before: "Entry | None" = None
    "The turn before it, until it has a seat."
    place: int = NONE
    "Among those that hold a seat."
    started: bool = False

    @property
    def running(self) -> bool:
        """Return whether the request holds a seat."""
        return self.place >= 0


def _columns(records: Array) -> dict[str, Array]:
    """Return the fields of records, each a view of them: to look one up by name costs more than to write it."""
    return {name: records[name] for name in records.dtype.names or ()}


def _unknown() -> Array:
    made = np.zeros(1, REQUEST)
    for name in ("follower", "sibling", "child", "next"):
        made[name] = NONE
    for name in ("start", "first_token", "finish"):
        made[name] = np.nan
    return made


_charge = direct(waiting.charge)
UNKNOWN = _unknown()
"The record of a request of which nothing is known."


class Table:
    """Records of the requests that are in the engine; rows of requests that left are used again.

    `counts` says what a flow is, "user" or "program"; "" where the order asks for neither.
    """

    def __init__(self, counts: str) -> None:
        self.counts = counts
        self.requests: Array = np.zeros(ROWS, REQUEST)
        self.flows: Array = np.zeros(ROWS, FLOW)
        self._request, self._flow = _columns(self.requests), _columns(self.flows)
        self._charged: Ints = np.zeros(ROWS, np.int64)  # output tokens of a request that its flow was charged for
        self.used = self.flows[:1]
        "The flows that there are, as orders see them."
        self._seats: list[Any] = []  # the requests that run, in no order,
        self._seated: Ints = np.zeros(ROWS, np.int64)  # and their rows
        self._spare = list(range(ROWS))[::-1]
        self._rows: dict[str | None, int] = {}  # of flows, by the user's or program's name
        self._names: dict[int, str | None] = {}
        self._free: list[int] = []  # rows of flows that were forgotten
        self._paused: dict[str, Entry] = {}  # the last turn of each program that is busy elsewhere
        self._numbered = 0

    def enter(self, request: Any, hints: Hints, arrival: float) -> Entry:
        """Return the entry of a request that came at `arrival` seconds."""
        if not self._spare:
            size = len(self.requests)
            self.requests = np.concatenate((self.requests, np.zeros(size, REQUEST)))
            self._request = _columns(self.requests)
            self._charged = np.concatenate((self._charged, np.zeros(size, np.int64)))
            self._seated = np.concatenate((self._seated, np.zeros(size, np.int64)))
            self._spare = list(range(size, 2 * size))[::-1]
        row = self._spare.pop()
        self._numbered += 1
        flow = self._flow_of(hints, self._numbered) if self.counts else 0
        if self.counts and math.isnan(self._flow["first"][flow]):
            self._flow["first"][flow] = arrival
        before = self._paused.pop(hints.program or "", None)
        self.requests[row] = UNKNOWN
        self._charged[row] = 0
        given = {
            "arrival": arrival,
            "prompt": request.num_prompt_tokens,
            "output": hints.output if hints.output is not None else request.max_tokens,
            "user": code(hints.user),
            "session": code(hints.program),
            "priority": request.priority,
            "deadline": hints.deadline,
            "turn": hints.turn,
            "last_turn": hints.ends,
            "tool": code(hints.tool) & 0x7FFFFFFF if hints.tool is not None else NONE,
            "began": arrival if before is None else self._request["began"][before.row],
            "parent": NONE if before is None else before.row,
            "flow": flow,
        }
        for name, value in given.items():
            self._request[name][row] = value
        return Entry(row, self._numbered, flow, hints, before)

    def finish(self, entry: Entry, now: float, output: int) -> None:
        """Note that a request ended with `output` tokens."""
        self._request["finish"][entry.row] = now
        self._request["output"][entry.row] = output

    def pause(self, entry: Entry) -> None:
        """Remember a turn that ended, for the next one of its program."""
        program = entry.hints.program or ""
        if program in self._paused:
            self.leave(self._paused.pop(program))
        self._paused[program] = entry
        if len(self._paused) > MOST_PAUSED:
            idle = (name for name, paused in self._paused.items() if self._request["kept"][paused.row] == 0)
            if (oldest := next(idle, None)) is not None:
                self.leave(self._paused.pop(oldest))

    def seated(self, entry: Entry) -> None:
        """Forget the turn before a request: what it was good for is done."""
        if entry.before is not None:
            self._request["parent"][entry.row] = NONE
            self.leave(entry.before)
            entry.before = None

    def leave(self, entry: Entry) -> None:
        """Forget a request, and its flow if nothing more can come of it; the turn before it waits for another next."""
        if entry.before is not None:
            before, entry.before = entry.before, None
            self.pause(before)
        self._spare.append(entry.row)
        alone = self.counts == "program" and entry.hints.ends
        if alone and not (self._flow["waiting"][entry.flow] or self._flow["running"][entry.flow]):
            self._forget(entry.flow)

    def wait(self, entry: Entry) -> None:
        """Count a request among the waiting ones of its flow."""
        if self.counts:
            self._flow["waiting"][entry.flow] += 1

    def unwait(self, entry: Entry) -> None:
        """Take a request from the waiting ones of its flow."""
        if self.counts:
            self._flow["waiting"][entry.flow] -= 1

    def start(self, request: Any, now: float) -> None:
        """Count a request among the running ones, its prompt when it starts for the first time."""
        entry = request.evenly
        entry.place = len(self._seats)
        self._seats.append(request)
        self._seated[entry.place] = entry.row
        if self.counts:
            self._flow["running"][entry.flow] += 1
            self._flow["started"][entry.flow] = now
            if not entry.started:
                self._flow["prompt"][entry.flow] += request.num_prompt_tokens
        if not entry.started:
            self._request["start"][entry.row] = now
        entry.started = True

    def stop(self, request: Any) -> None:
        """Take a request from the running ones, and charge its flow for what it was given since the last time."""
        entry = request.evenly
        last = self._seats.pop()
        if last is not request:
            self._seats[entry.place] = last
            self._seated[entry.place] = last.evenly.row
            last.evenly.place = entry.place
        entry.place = NONE
        if self.counts:
            self._flow["running"][entry.flow] -= 1
            emitted = request.num_output_tokens
            self._flow["output"][entry.flow] += emitted - self._charged[entry.row]
            self._charged[entry.row] = emitted

    def charge_running(self) -> None:
        """Charge flows for the output tokens that running requests were given since the last time."""
        emitted = np.array([request.num_output_tokens for request in self._seats], np.int64)
        _charge(self._seated, emitted, self._charged, self.requests, self.flows)

    def keep(self, entry: Entry, state: int) -> None:
        """Note whether blocks of a request that ended are kept: 0 no, 1 yes, 2 and the next turn waits."""
        self._request["kept"][entry.row] = state

    def _flow_of(self, hints: Hints, number: int) -> int:
        name = hints.user if self.counts == "user" else hints.program
        if name is None and self.counts == "program":
            name = f"\0{number}"  # a request without a program is one of its own
        flow = self._rows.get(name)
        if flow is None:
            flow = self._room()
            self._rows[name], self._names[flow] = flow, name
            fresh = np.zeros(1, FLOW)
            fresh["first"] = fresh["started"] = np.nan
            self.flows[flow : flow + 1] = fresh
        return flow

    def _room(self) -> int:
        """Return a row for a flow: a free one, a new one, or that of the flow that has been idle longest."""
        count = len(self.used) if self._names or self._free else 0
        if not self._free and count >= MOST_FLOWS:
            quiet = np.flatnonzero((self.used["waiting"] == 0) & (self.used["running"] == 0))
            if len(quiet):  # else all of them have requests here
                self._forget(int(quiet[np.argmin(self.used["started"][quiet])]))
        if self._free:
            return self._free.pop()
        if count == len(self.flows):
            self.flows = np.concatenate((self.flows, np.zeros(count, FLOW)))
            self._flow = _columns(self.flows)
        self.used = self.flows[: count + 1]
        return count

    def _forget(self, flow: int) -> None:
        self._rows.pop(self._names.pop(flow))
        self._free.append(flow)


def code(name: str | None) -> int:
    """Return a number for a name: the number that it writes, or a hash; -1 for none.

    >>> code("17"), code(None)
    (17, -1)
    """
    if name is None:
        return -1
    if name.isdecimal() and len(name) < 18:
        return int(name)
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "little")
