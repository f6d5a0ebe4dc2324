"""From raw columns to a trace: the checks that all formats share."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evenly.core import Array, Bools, Floats, Ints, Prefixes, Trace
from evenly.traces.formats._columns import Columns
from evenly.traces.formats._errors import LONGEST

UNIT_JUMP = (300.0, 3000.0)  # a change from seconds to milliseconds in mid-file multiplies times and gaps by 1000
NEIGHBOURS = 200  # gaps on either side of a jump that must agree with it
EARLY = 60.0  # a jump from below this value is an ordinary pause after the first requests
SPAN_LIMIT = 1e10  # seconds; 300 years


def tokens(columns: Columns, name: str) -> Ints:
    """Return a column of token counts.

    Raises `ValueError` for counts that are negative, not whole, or beyond every model.
    """
    values = columns.number(name)
    for bad, remedy in (
        (values < 0, "tokens are at least 0"),
        (values > LONGEST, f"more than {LONGEST:,} tokens in one request; is the column in another unit?"),
        (values != np.floor(values), "tokens are whole numbers"),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            columns.refuse(row, name, _plain(values[row]), remedy)
    return values.astype(np.int64)


def seconds(columns: Columns, name: str, unit: float = 1.0, times: Floats | None = None) -> Floats:
    """Return a column of times in seconds from its earliest; `unit` is what one unit of the file lasts.

    Raises `ValueError` for negative times and where the unit changes within the file.
    """
    values = columns.number(name) if times is None else times
    if (values < 0).any():
        row = int(np.argmax(values < 0))
        columns.refuse(row, name, _plain(values[row]), "times are at least 0")
    jump = unit_change(values)
    if jump is not None:
        row = jump
        columns.refuse(row, name, _plain(values[row]), "times jump by about 1000; convert the file to one unit")
    spread: Floats = (values - values.min()) * unit
    if spread.max(initial=0.0) > SPAN_LIMIT:
        row = int(np.argmax(spread))
        columns.refuse(
            row, name, _plain(values[row]), "more than 300 years after the first; is the column in another unit?"
        )
    return spread


def unit_change(values: Floats) -> int | None:
    """Return the row at which times jump by about 1000 and stay there, as when seconds turn into milliseconds.

    >>> unit_change(np.concatenate([np.arange(100.0, 200.0), 1000 * np.arange(200.0, 300.0)]))
    100
    """
    if len(values) < 4:
        return None
    before, behind = np.maximum(values[:-1], 1e-300), np.maximum(values[1:], 1e-300)
    low, high = UNIT_JUMP
    ratio = behind / before
    jumps = np.flatnonzero(
        ((ratio > low) & (ratio < high) & (before > EARLY))
        | ((ratio < 1 / low) & (ratio > 1 / high) & (behind > EARLY))
    )
    for cut in jumps[:100]:
        left = _gap(values[max(0, cut + 1 - NEIGHBOURS) : cut + 1])
        right = _gap(values[cut + 1 : cut + 1 + NEIGHBOURS])
        alone = math.isnan(left) or math.isnan(right)  # a value that jumps there and back again
        if alone or low < right / left < high or low < left / right < high:
            return int(cut) + 1
    return None


def unique(columns: Columns, name: str, skip: Bools | None = None) -> None:
    """Raise `ValueError` for an identifier that appears twice; rows in `skip` may repeat one."""
    code = columns.texts[name].code
    rows = np.arange(len(code)) if skip is None else np.flatnonzero(~skip)
    rows = rows[code[rows] >= 0]
    first = np.unique(code[rows], return_index=True)[1]
    if len(first) == len(rows):
        return
    again = np.ones(len(rows), bool)
    again[first] = False
    row = int(rows[np.argmax(again)])
    value = columns.texts[name].labels[code[row]]
    columns.refuse(row, name, value, "this identifier appears before; remove the repeated request")


def build(
    columns: Columns,
    arrival: Floats,
    prompt: Ints,
    output: Ints,
    failed: Bools | None = None,
    extra: Mapping[str, Array] | None = None,
    note: str = "",
    user: Ints | None = None,
    session: Ints | None = None,
    priority: Ints | None = None,
    after: Ints | None = None,
    pause: Floats | None = None,
    prefixes: Prefixes | None = None,
) -> Trace:
    """Return the trace in order of arrival; rows without tokens count as failed."""
    empty = (prompt == 0) | (output == 0)
    failed = empty if failed is None else failed | empty
    order: Ints | None = None
    if np.any(np.diff(arrival) < 0):
        order = np.argsort(arrival, kind="stable")
        arrival, note = arrival[order], ", ".join(filter(None, (note, "sorted by arrival")))
    trace = Trace(
        arrival=arrival,
        prompt=_by(prompt, order),
        output=_by(output, order),
        user=_by(user, order),
        session=_by(session, order),
        priority=_by(priority, order),
        failed=_by(failed, order) if failed.any() else None,
        prefixes=prefixes.take(order) if prefixes is not None and order is not None else prefixes,
        extra={name: _by(column, order) for name, column in (extra or {}).items()},
        origin=f"{columns.path.name} ({note})" if note else columns.path.name,
    )
    if after is None:
        return trace
    return replace(trace, after=_moved(after, order), pause=_by(pause, order))


def rest(columns: Columns, used: tuple[str, ...]) -> dict[str, Array]:
    """Return the columns that a format does not interpret, as plain arrays; NaN or empty where the file has nothing."""
    kept = {name: column.plain() for name, column in columns.texts.items() if name not in used}
    for name, column in columns.numbers.items():
        if name not in used and not name.endswith("[]"):
            kept[name] = np.asarray(column.filled(np.nan) if np.ma.isMaskedArray(column) else column)
    return kept


def _moved(after: Ints, order: Ints | None) -> Ints:
    if order is None:
        return after
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    return place[after[order]]


def _by(column: Any, order: Ints | None) -> Any:
    return column if column is None or order is None else column[order]


def _gap(values: Floats) -> float:
    gaps = np.abs(np.diff(values))
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else math.nan


def _plain(value: float) -> str:
    return str(int(value)) if value == np.floor(value) and abs(value) < 1e18 else repr(float(value))
