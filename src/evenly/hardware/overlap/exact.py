"""The shortest schedule of a few nano-operations, exactly: a mixed-integer linear program, and all orders."""

from collections.abc import Iterator

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.overlap.graph import Graph

LIMIT = 60.0  # seconds of the solver, as published
SCALE = 100.0  # the longest operation in the solver's numbers: its tolerances are absolute, and at 1 it fails on some
MOST_ORDERED = 8  # nano-operations of which all orders are tried


def milp(of: Graph, layers: int = 1, limit: float = LIMIT) -> float:
    """Return the least seconds from begin to end of so many layers, one operation of a resource at a time.

    No interference. Raises `ValueError` if the solver does not prove the optimum within `limit` seconds.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    unit = float(of.seconds.max()) / SCALE
    seconds = np.tile(of.seconds, layers) / unit
    edges = _unrolled(of, layers)
    pairs = _undecided(np.tile(of.resource, layers), edges)
    count, end = len(seconds), len(seconds)
    width = count + 1 + len(pairs)
    horizon = float(seconds.sum()) + 1.0  # one at a time ends before; room for the solver's rounding
    rows = [(_row(width, {j: 1.0, i: -1.0}), seconds[i]) for i, j in edges]
    rows += [(_row(width, {end: 1.0, i: -1.0}), seconds[i]) for i in range(count)]
    for k, (i, j) in enumerate(pairs):  # 1: i before j
        first = count + 1 + k
        rows.append((_row(width, {j: 1.0, i: -1.0, first: -horizon}), seconds[i] - horizon))
        rows.append((_row(width, {i: 1.0, j: -1.0, first: horizon}), seconds[j]))
    matrix = np.array([row for row, _ in rows])
    least = np.array([low for _, low in rows])
    whole = np.concatenate((np.zeros(count + 1, np.int64), np.ones(len(pairs), np.int64)))
    found = milp(
        _row(width, {end: 1.0}),
        constraints=LinearConstraint(matrix, least, np.inf),
        integrality=whole,
        bounds=Bounds(0.0, np.where(whole > 0, 1.0, horizon)),
        options={"time_limit": limit, "presolve": False},  # presolve, too, ends in "Solve error" on some
    )
    if not found.success:
        raise ValueError(
            f"no proven optimum of {count} nano-operations within {limit:g} s; take fewer of them: {found.message}"
        )
    return float(found.fun) * unit


def brute(of: Graph) -> float:
    """Return the same for one layer, by trying every order; raise `ValueError` for more than 8 nano-operations."""
    if len(of.nanos) > MOST_ORDERED:
        raise ValueError(f"all orders are tried for at most {MOST_ORDERED} nano-operations, not {len(of.nanos)}")
    edges = _unrolled(of, 1)
    before = [{i for i, j in edges if j == k} for k in range(len(of.nanos))]
    return min(_length(order, of, before) for order in _orders([], before))


def _orders(begun: list[int], before: list[set[int]]) -> Iterator[list[int]]:
    if len(begun) == len(before):
        yield begun
    for k, needed in enumerate(before):
        if k not in begun and needed <= set(begun):
            yield from _orders([*begun, k], before)


def _length(order: list[int], of: Graph, before: list[set[int]]) -> float:
    free = np.zeros(3)
    end = np.zeros(len(order))
    for k in order:
        resource = of.nanos[k].resource
        end[k] = max(free[resource], *(end[i] for i in before[k]), 0.0) + of.nanos[k].seconds
        free[resource] = end[k]
    return float(end.max())


def _unrolled(of: Graph, layers: int) -> list[tuple[int, int]]:
    count = len(of.nanos)
    return [
        (before + count * (layer - back), after + count * layer)
        for layer in range(layers)
        for before, after, back in of.edges
        if layer >= back
    ]


def _undecided(resource: Ints, edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pairs of one resource of which neither waits for the other, however indirectly."""
    count = len(resource)
    reach = np.eye(count, dtype=bool)
    for i, j in edges:
        reach[i, j] = True
    for k in range(count):
        reach |= np.outer(reach[:, k], reach[k])
    return [
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if resource[i] == resource[j] and not (reach[i, j] or reach[j, i])
    ]


def _row(width: int, entries: dict[int, float]) -> Floats:
    row = np.zeros(width)
    for column, value in entries.items():
        row[column] = value
    return row
