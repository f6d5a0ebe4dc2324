"""When steps end and checkpoints are copied and written, without failures."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.train.checkpoint.savers import Saver

PIECES = 64  # of a state: what is copied, written and updated at a time
SAME = 1e-9  # seconds, relative to a period, by which two periods that are alike differ at most


@dataclass(frozen=True, slots=True)
class Machine:
    """A rank and its storage: bytes of its state, seconds of its step, bytes a second of what moves the state."""

    state: float
    forward_backward: float
    update: float
    copy: float
    serialise: float
    storage: float
    buffer: float
    "States that the host has room for, at least 1."

    @property
    def step(self) -> float:
        """Return the seconds of a step without checkpoints."""
        return self.forward_backward + self.update


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """What happened; one row a checkpoint, the first of them being the start of training, which is on storage."""

    interval: int
    "Steps between two checkpoints."
    begin: Floats
    "When each checkpoint was asked for, which is when the step before it ended."
    stall: Floats
    "Seconds by which it held training up, once the next update was over."
    block: Floats
    "Seconds of these before forward could begin."
    durable: Floats
    "When all of it was on storage."
    copied: Floats
    "When each piece of the first checkpoints was copied, shape [checkpoints, pieces]."
    written: Floats
    "When it was written."

    def end(self, steps: int, step: float) -> float:
        """Return when so many steps have ended, and all that was asked for is on storage."""
        last, more = divmod(steps, self.interval)
        over = self.begin[last] + (self.stall[last] + more * step if more else self.block[last])
        return float(max(over, self.durable[last]))


def timeline(machine: Machine, saver: Saver, interval: int, checkpoints: int, drawn: int = 0) -> Timeline:
    """Return the timeline of so many checkpoints, one every `interval` steps.

    Once periods repeat, they are added up instead of being stepped through; pieces are kept of at least the first
    `drawn` checkpoints.
    """
    lane = _Lanes(machine, saver)
    rows: list[tuple[float, float, float, float]] = [(0.0, 0.0, 0.0, 0.0)]
    pieces: list[tuple[Floats, Floats]] = []
    begin, alike = interval * machine.step, 0
    while len(rows) <= checkpoints and (len(pieces) < drawn or alike <= machine.buffer + 1):
        wait, late, copied, written = lane.save(begin)
        rows.append((begin, late, wait, float(written[-1])))
        pieces.append((copied, written))
        alike = alike + 1 if len(pieces) > 1 and _repeats(rows[-2:], pieces[-2:]) else 0
        begin += interval * machine.step + late
    begins, stall, block, durable = np.array(rows, np.float64).T
    rest = checkpoints + 1 - len(rows)
    if rest > 0:
        later = (interval * machine.step + stall[-1]) * np.arange(1, rest + 1)
        begins, durable = (np.concatenate([column, column[-1] + later]) for column in (begins, durable))
        stall, block = (np.concatenate([column, np.full(rest, column[-1])]) for column in (stall, block))
    copies, writes = (np.array([pair[k] for pair in pieces]).reshape(-1, PIECES) for k in (0, 1))
    return Timeline(interval, begins, stall, block, durable, copies, writes)


class _Lanes:
    """Copier and writer, each of which does one piece after the other, and the buffer between them."""

    def __init__(self, machine: Machine, saver: Saver) -> None:
        self.machine = machine
        self.saver = saver
        self.copy = machine.state / PIECES / machine.copy
        self.write = machine.state / PIECES / machine.storage
        self.room = round(machine.buffer * PIECES)
        self.copier = self.writer = 0.0
        self.past: deque[Floats] = deque([np.zeros(PIECES)] * (-(-self.room // PIECES)))

    def save(self, begin: float) -> tuple[float, float, Floats, Floats]:
        """Return seconds that forward and all of the step wait, and when each piece is copied and written."""
        copied, written = self._moved(begin)
        forward, update = self.saver.hold(begin, copied, written)
        stall = self._updated(forward, update) - begin - self.machine.step
        return forward - begin, max(0.0, stall), copied, written

    def _moved(self, begin: float) -> tuple[Floats, Floats]:
        """A piece is copied when the one is written whose room it takes."""
        before = np.concatenate(self.past)
        free = before[len(before) - self.room :][:PIECES]
        copied = _in_turn(np.maximum(free, max(begin, self.copier)), self.copy)
        ready = copied
        if self.saver.serialises:
            ready = np.full(PIECES, copied[-1] + self.machine.state / self.machine.serialise)
        written = _in_turn(np.maximum(ready, self.writer), self.write)
        self.copier, self.writer = float(copied[-1]), float(written[-1])
        self.past.popleft()
        self.past.append(written)
        return copied, written

    def _updated(self, forward: float, update: Floats) -> float:
        """Return when the update of the step is over that begins at `forward`."""
        ready = np.maximum(update, forward + self.machine.forward_backward)
        return float(_in_turn(ready, self.machine.update / PIECES)[-1])


def _in_turn(ready: Floats, each: float) -> Floats:
    """Return when things end that are done one after the other, none before it is ready.

    >>> _in_turn(np.array([0.0, 0.0, 5.0]), 1.0)
    array([1., 2., 6.])
    """
    place = np.arange(len(ready))
    return np.asarray(np.maximum.accumulate(ready - each * place) + each * (place + 1))


def _repeats(rows: list[tuple[float, float, float, float]], pieces: list[tuple[Floats, Floats]]) -> bool:
    """Tell whether two checkpoints are alike but for when they began."""
    (one, *_), (two, *_) = rows
    return all(np.abs((pieces[0][k] - one) - (pieces[1][k] - two)).max() <= SAME * max(1.0, two - one) for k in (0, 1))
