"""Where the time of the devices of a layout goes, from the windows that were run."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.hardware.profiles.measured import Curve
from evenly.plan.cost import Kernel, Tables
from evenly.plan.layout import Layout

ROWS = 400_000  # stretches of windows that a run keeps; what a longer run spends is told from its begin
START, END, PASSES, DECODES, TOKENS, OWN = 1, 2, 3, 4, 5, 8  # columns of the kernel's log


@dataclass(frozen=True, slots=True)
class Spent:
    """Device-seconds by what they are spent on; they sum to the devices times the makespan.

    >>> Spent(4.0, 3.0, 1.0, 0.5, 1.0, 0.5).total
    10.0
    """

    compute: float
    "In matrix products that are bound by arithmetic, and in attention of prompts."
    memory: float
    "In reading weights and, for decodes, keys and values."
    collectives: float
    "In collectives and between stages."
    host: float
    "While the host prepares a pass."
    waiting: float
    "Of devices whose microbatch or rank is done before the slowest of its window."
    idle: float
    "Of copies of the model that have no request."

    @property
    def total(self) -> float:
        """Return all device-seconds."""
        return self.compute + self.memory + self.collectives + self.host + self.waiting + self.idle

    def times(self, factor: float) -> "Spent":
        """Return the same shares of `factor` times as many device-seconds."""
        return Spent(*(factor * getattr(self, name) for name in self.__slots__))

    @property
    def busy(self) -> float:
        """Return the device-seconds of passes, host work included."""
        return self.compute + self.memory + self.collectives + self.host


def total(parts: Iterable[Spent]) -> Spent:
    """Return the sums of what several groups of devices spent.

    >>> total([Spent(1.0, 0.0, 0.0, 0.0, 0.0, 2.0), Spent(0.5, 0.0, 0.0, 0.0, 0.0, 1.0)]).idle
    3.0
    """
    return Spent(*(sum(column) for column in zip(*(astuple(part) for part in parts), strict=True)))


def spent(log: Floats, tables: Tables, layout: Layout, makespan: float) -> Spent:
    """Return where the device time of a run went.

    `log` has the kernel's rows of windows. Attention is what remains of a pass after all else is taken away: it counts
    as reading memory in passes of decodes alone, and as arithmetic in those with a prompt.
    """
    devices = layout.devices
    if len(log) == 0:
        return Spent(0.0, 0.0, 0.0, 0.0, 0.0, devices * makespan)
    parts = by_work(log, tables, layout)
    attention = np.maximum(0.0, log[:, OWN] - parts.sum(axis=0))
    prompts = float(attention[log[:, TOKENS] > 0].sum())
    width = layout.stages * layout.tensor / layout.attention  # devices that do a member's own work, stage after stage
    host, compute, memory, collectives = (float(part) for part in parts.sum(axis=1))
    memory += float(attention.sum()) - prompts
    busy = width * (host + compute + prompts + memory + collectives)
    active = _covered(log, layout.replicas) * layout.stages * layout.tensor
    return Spent(
        compute=width * (compute + prompts),
        memory=width * memory,
        collectives=width * collectives,
        host=width * host,
        waiting=max(0.0, active - busy),
        idle=max(0.0, devices * makespan - active),
    )


def moved(log: Floats, tables: Tables, layout: Layout, bandwidth: float) -> float:
    """Return the bytes that all devices read, for the power model: those of weights, and what decodes read of context.

    `bandwidth` is what the roofline counts with, in bytes a second. Measured attention counts as if it read at that
    rate all the time, an upper bound.
    """
    plain = tables.plain or tables
    k, tokens = log[:, PASSES], log[:, DECODES] + log[:, TOKENS]
    read = _weights(tokens, plain.own) * k
    if len(plain.shared):
        read += _weights(together(log, layout), plain.shared) * k
    parts = by_work(log, tables, layout).sum(axis=0)
    read += np.where(log[:, TOKENS] > 0, 0.0, np.maximum(0.0, log[:, OWN] - parts))
    return float(read.sum()) * bandwidth * layout.stages * layout.tensor / layout.attention


def by_work(log: Floats, tables: Tables, layout: Layout) -> Floats:
    """Return the seconds of host, arithmetic, weights and collectives of each row of a log, shape [4, row].

    A measured layer counts as arithmetic where the roofline says that it is bound by it.
    """
    plain = tables.plain or tables
    tokens = log[:, DECODES] + log[:, TOKENS]
    parts = np.array(_parts(tokens, plain.own))
    if tables.kernels:
        parts = _measured(parts, tokens, log[:, DECODES], tables.kernels)
    if len(tables.shared):
        all_tokens = together(log, layout)
        shared = np.array(_parts(all_tokens, plain.shared))
        parts += _measured(shared, all_tokens, all_tokens, tables.together) if tables.together else shared
    return np.asarray(parts * log[:, PASSES])


def _measured(parts: Floats, tokens: Floats, sequences: Floats, kernels: Sequence[Kernel]) -> Floats:
    """Return the parts of passes with the seconds of measured kernels in place of the roofline's.

    Of prompts the head is not counted here: rows do not tell how many a pass ends.
    """
    seconds = {role: np.zeros(len(tokens)) for role in ("layer", "head", "collective")}
    for one in kernels:
        seconds[one.role] += one.curve.at(sequences if one.role == "head" else tokens)
    bound = parts[1] > 0
    layers = np.where(bound, seconds["layer"], 0.0)
    return np.array([parts[0], layers, seconds["layer"] - layers + seconds["head"], seconds["collective"]])


def workers(log: Floats, layout: Layout, edges: Floats) -> Floats:
    """Return the busy seconds of each rank between `edges`, shape [bin, rank]; its stages are alike.

    A rank of one stage works on every microbatch of its window.
    """
    crew = log[:, 0].astype(np.int64) % layout.replicas
    rank = log[:, 0].astype(np.int64) // (layout.replicas * layout.stages)
    worker = crew * layout.attention + rank
    busy = np.zeros((len(edges) - 1, layout.replicas * layout.attention))
    for place in range(busy.shape[1]):
        rows = log[worker == place]
        if len(rows) == 0:
            continue
        points = np.concatenate((rows[:, START], rows[:, END]))
        rates = np.concatenate((rows[:, OWN], -rows[:, OWN])) / np.tile(rows[:, END] - rows[:, START], 2)
        order = np.argsort(points, kind="stable")
        points, rate = points[order], np.cumsum(rates[order])
        done = np.concatenate(([0.0], np.cumsum(rate[:-1] * np.diff(points))))
        busy[:, place] = np.diff(np.interp(edges, points, done))
    return np.maximum(busy, 0.0)


def _parts(tokens: Floats, numbers: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return seconds of host, arithmetic, weights and collectives of passes of so many tokens."""
    weights = _weights(tokens, numbers)
    products = tokens * numbers[1]
    bound = products > weights
    curve = np.zeros(len(tokens))
    count = int(numbers[7])
    if count:
        curve = Curve(numbers[8 : 8 + count], numbers[8 + count : 8 + 2 * count]).at(tokens)
    host = np.full(len(tokens), numbers[0])
    return host, np.where(bound, products, 0.0), np.where(bound, 0.0, weights), curve


def _weights(tokens: Floats, numbers: Floats) -> Floats:
    return np.asarray(numbers[2] + numbers[3] * (1.0 - numbers[4] ** tokens))


def together(log: Floats, layout: Layout) -> Array:
    """Return, for each row, the tokens that all ranks of its microbatch have in one pass of its window."""
    order, first = _windows(log, layout.replicas * layout.stages)
    sums = np.add.reduceat((log[:, DECODES] + log[:, TOKENS])[order], first)
    tokens = np.empty(len(log))
    tokens[order] = np.repeat(sums, np.diff(np.append(first, len(log))))
    return tokens


def _covered(log: Floats, crews: int) -> float:
    """Return the seconds that windows of crews cover; those of the members of one coincide."""
    order, first = _windows(log, crews)
    rows = log[order[first]]
    return float((rows[:, END] - rows[:, START]).sum())


def _windows(log: Floats, groups: int) -> tuple[Ints, Ints]:
    """Return an order in which rows of one window of one group are neighbours, and where each window begins in it.

    The kernel writes the windows of a crew in the order in which they end.
    """
    group = log[:, 0].astype(np.int64) % groups
    order = np.argsort(group, kind="stable")
    group, start = group[order], log[order, START]
    new = np.ones(len(log), np.bool_)
    new[1:] = (group[1:] != group[:-1]) | (start[1:] != start[:-1])
    return order, np.flatnonzero(new)
