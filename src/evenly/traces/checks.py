"""Turn columns of a file into a trace, or say which row cannot be one."""

from typing import Any

import numpy as np

from evenly.core import Array, Trace
from evenly.traces.tables import Source, line_of

MOST_TOKENS = 100_000_000  # tokens of one request beyond which a file must be in other units


def trace_of(source: Source, names: dict[str, str], columns: dict[str, Array], **more: Any) -> Trace:
    """Return the trace of `columns` (arrival in seconds, prompt, output, ...), sorted by arrival.

    `names` maps our column names to those in the file, for messages. Arrivals are counted from the first one. Raises
    `ValueError` for arrivals that are no finite numbers, and for negative or absurd token counts.
    """
    arrival = np.asarray(columns["arrival"], np.float64)
    if len(arrival) == 0:
        raise ValueError(f"{source.path}: no requests; the file ends after its header")
    _check(source, names["arrival"], arrival, ~np.isfinite(arrival), "a finite time")
    tokens: dict[str, Any] = {}
    for name in ("prompt", "output"):
        column = np.asarray(columns[name])
        if column.dtype.kind == "f":
            _check(source, names[name], column, ~np.isfinite(column) | (column != np.floor(column)), "a whole number")
        tokens[name] = column.astype(np.int64)
        _check(source, names[name], column, tokens[name] < 0, "at least 0 tokens")
        _check(source, names[name], column, tokens[name] > MOST_TOKENS, f"at most {MOST_TOKENS:,} tokens")
    rest = {name: column for name, column in columns.items() if name not in ("arrival", "prompt", "output")}
    known: dict[str, Any] = {name: rest.pop(name) for name in ("user", "session", "priority", "after", "pause") if name in rest}
    order = np.argsort(arrival, kind="stable") if np.any(np.diff(arrival) < 0) else None
    if order is not None:
        if "after" in known:
            place = np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            known["after"] = np.where(known["after"] >= 0, place[known["after"]], -1)
        arrival = arrival[order]
        tokens = {name: column[order] for name, column in tokens.items()}
        known = {name: column[order] for name, column in known.items()}
        rest = {name: column[order] for name, column in rest.items()}
        if more.get("prefixes") is not None:
            more["prefixes"] = more["prefixes"].take(order)
    failed = tokens["output"] == 0
    return Trace(
        arrival=arrival - arrival[0],
        **tokens,
        **known,
        failed=failed if failed.any() else None,
        extra=rest,
        origin=str(source.path.name),
        **more,
    )


def codes(column: Array) -> Array:
    """Return a number for each distinct value, in order of first appearance; -1 for missing text.

    >>> codes(np.array(["b", "a", "b", ""]))
    array([ 0,  1,  0, -1])
    """
    values, first, inverse = np.unique(column, return_index=True, return_inverse=True)
    rank = np.empty(len(values), np.int64)
    empty = values == "" if values.dtype.kind in "OUS" else np.zeros(len(values), bool)
    order = np.argsort(np.where(empty, len(column) + 1, first), kind="stable")
    rank[order] = np.arange(len(values))
    rank[empty] = -1
    return np.asarray(rank[inverse])


def _check(source: Source, field: str, column: Array, wrong: Array, wanted: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{source.path}:{line_of(source, row)}: {field} is {wanted}, found {column[row]}")
