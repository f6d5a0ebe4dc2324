"""Weka: conversations of coding agents, with the identity of every block of the prompt."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from evenly.core import Array, Floats, Ints, Prefixes, Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens, unique
from evenly.traces.formats._columns import Columns, read_json
from evenly.traces.formats._head import head
from evenly.traces.formats._json import keys
from evenly.traces.formats._nested import MARKER, PLACE, read_nested

NUMBERS = ("t", "in", "out", "api_time", "think_time")
TEXT = ("type", "model", "stop")
OUTER = ("id", "block_size", "hash_id_scope")
BLOCK = 64  # tokens, where a file names no block size
USED = ("t", "in", "out", "hash_ids", "line", PLACE, MARKER, *OUTER)


@dataclass(frozen=True, slots=True)
class Weka:
    """JSON lines with `id` (conversation), `t` (s), `in`, `out`, `hash_ids`, or one conversation a line in `requests`.

    A block has 64 tokens unless `block_size` says otherwise; a trailing partial one may be dropped. Ids are local to
    the conversation unless `hash_id_scope` is `global`. An entry that holds `requests` of its own is a subagent: it
    shares the blocks of its conversation and is a session of its own; its times count from its start where one of them
    would otherwise lie before it. Every request arrives at its recorded time, the conversations side by side from 0.

    Reference: https://github.com/callanjfox/kv-cache-tester and
    https://github.com/callanjfox/agentic-coding-analysis, docs/TRACE_FORMAT.md.
    """

    needs: ClassVar[Needs] = (("id", "t", "in", "out"), ("id", "requests"))

    def match(self, head: str) -> bool:
        """Tell whether the first object is a request or a conversation of Weka."""
        found = keys(head)
        return {"id", "t", "in", "out"} <= found or ("requests" in found and '"in"' in head and '"hash_ids"' in head)

    def read(self, path: Path) -> Trace:
        """Return the trace with sessions and shared prefixes; model and recorded times are in `extra`."""
        nested = "requests" in keys(head(path).decode("utf-8-sig", "replace"))
        if nested:
            columns = read_nested(path, "requests", OUTER, NUMBERS, TEXT, "hash_ids")
            arrival, session, scope = _nested(columns)
        else:
            columns = read_json(path, NUMBERS, ("hash_ids",), (*OUTER, *TEXT))
            arrival = columns.number("t")
            session = scope = columns.texts["id"].code
        prompt = tokens(columns, "in")
        return build(
            columns,
            seconds(columns, "t", 1.0, arrival),
            prompt,
            tokens(columns, "out"),
            session=session,
            prefixes=_prefixes(columns, prompt, scope),
            extra=_known(rest(columns, USED)),
        )


def _nested(columns: Columns) -> tuple[Floats, Ints, Ints]:
    """Return the arrival, the session and the conversation of each request."""
    assert columns.rows is not None
    same = np.concatenate(([False], np.diff(columns.rows) == 0))
    unique(columns, "id", skip=same)
    times, marker = columns.number("t"), columns.number(MARKER, missing=np.nan)
    inner = ~np.isnan(marker)
    if np.any(times[inner] < marker[inner]):
        times = np.where(inner, times + np.nan_to_num(marker), times)
    place = np.where(inner, columns.numbers[PLACE], 0).astype(np.int64)
    agents = columns.rows * (int(place.max()) + 1) + place
    return times, np.unique(agents, return_inverse=True)[1].astype(np.int64), columns.rows


def _prefixes(columns: Columns, prompt: Ints, scope: Ints) -> Prefixes | None:
    """Return the prefixes, with ids that no two conversations share."""
    lengths = columns.numbers["hash_ids"].astype(np.int64)
    ids = np.asarray(columns.numbers["hash_ids[]"], np.int64)
    if len(ids) == 0:
        return None
    block = _block(columns)
    whole, least = -(-prompt // block), prompt // block
    wrong = (lengths > 0) & ((lengths > whole) | (lengths < least))
    if wrong.any():
        row = int(np.argmax(wrong))
        many = f"{prompt[row]} tokens make {whole[row]} blocks of {block}; repair the line or its block_size"
        columns.refuse(row, "hash_ids", f"{lengths[row]} ids", many)
    shared = columns.texts["hash_id_scope"].plain() == "global"
    distinct, code = np.unique(ids, return_inverse=True)
    space = np.repeat(np.where(shared, 0, scope + 1), lengths)
    return Prefixes(np.concatenate(([0], np.cumsum(lengths))), space * len(distinct) + code, block)


def _block(columns: Columns) -> int:
    named = columns.texts["block_size"]
    if len(named.labels) == 0:
        return BLOCK
    text = str(named.labels[0])
    if len(named.labels) > 1 or not text.isdecimal() or int(text) < 1:
        row = int(np.argmax(named.code > 0)) if len(named.labels) > 1 else int(np.argmax(named.code >= 0))
        columns.refuse(
            row, "block_size", named.plain()[row], "a file has one block size, a whole number of tokens of at least 1"
        )
    return int(text)


def _known(extra: dict[str, Array]) -> dict[str, Array]:
    """Return the columns in which something stands."""
    return {
        name: column
        for name, column in extra.items()
        if ((column != "").any() if column.dtype.kind == "U" else np.isfinite(column).any())
    }
