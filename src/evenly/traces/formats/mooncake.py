"""Mooncake: requests with the identity of every block of the prompt."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from evenly.core import Bools, Floats, Ints, Prefixes, Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, seconds, tokens
from evenly.traces.formats._columns import Columns, read_json
from evenly.traces.formats._head import head
from evenly.traces.formats._json import first_objects, keys

BLOCKS = (512, 16, 64, 32, 128, 256, 1024)  # block sizes in the wild, Mooncake's own first, Alibaba's second
NUMBERS = ("timestamp", "input_length", "output_length", "delay", "chat_id", "parent_chat_id")
TEXTS = ("session_id",)
LEFT_OUT = ("text_input", "output_text", "messages")  # prompts and answers themselves
DENSE = 2.0  # gaps up to which whole timestamps may as well be seconds: 500 requests in a second are rare
SLOW = 30.0  # fractional times with longer gaps than this are milliseconds


@dataclass(frozen=True, slots=True)
class Mooncake:
    """JSON lines with `timestamp` (ms), `input_length`, `output_length` and, where known, `hash_ids`.

    Equal ids from the start of the prompt are a shared prefix; the last block may be partial. `session_id` makes a
    conversation: a line with `delay` (ms) waits for the end of the line before it in its session. Alibaba's files have
    blocks of 16 tokens and name conversations by `chat_id` and `parent_chat_id`. Whole numbers are milliseconds, with a
    warning where their gaps are 2 and less; times with fractions and gaps below 30 are seconds. Lines without
    `hash_ids` are the traces of GuideLLM's `trace_synthetic`. Other keys stay in `extra`, except for texts of prompts
    and answers.

    Reference: R. Qin et al., "Mooncake: Trading More Storage for Less Computation", FAST 2025;
    https://github.com/kvcache-ai/Mooncake.
    """

    needs: ClassVar[Needs] = (("timestamp", "input_length", "output_length"),)

    unit: Literal["", "ms", "s"] = ""
    "Unit of timestamp: `ms` or `s`; by default inferred."
    block: int = 0
    "Tokens in a block; 0 infers it from the lengths."

    def __post_init__(self) -> None:
        if self.unit not in ("", "ms", "s"):
            raise ValueError(f"unit is ms or s, not '{self.unit}'")
        if self.block < 0:
            raise ValueError(f"block is a number of tokens, or 0 to infer it, not {self.block}")

    def match(self, head: str) -> bool:
        """Tell whether the first object has lengths and a time."""
        found = keys(head)
        return {"input_length", "output_length"} <= found and bool({"timestamp", "delay", "session_id"} & found)

    def read(self, path: Path) -> Trace:
        """Return the trace with sessions and shared prefixes."""
        seen = set().union(*first_objects(head(path).decode("utf-8-sig", "replace")))
        others = sorted(seen - {*NUMBERS, *TEXTS, *LEFT_OUT, "hash_ids"})
        columns = read_json(path, NUMBERS, ("hash_ids",), (*TEXTS, *others))
        prompt = tokens(columns, "input_length")
        session = _sessions(columns)
        chained = _chained(columns, session)
        times = _times(columns, session, chained)
        unit = self.unit or infer(times[~chained])
        if not self.unit:
            _doubt(path, unit, times[~chained])
        second = 1.0 if unit == "s" else 1e-3
        after, pause = _chains(columns, session, chained, second)
        return build(
            columns,
            seconds(columns, "timestamp", second, times),
            prompt,
            tokens(columns, "output_length"),
            note=f"times in {unit}",
            session=session,
            after=after,
            pause=pause,
            prefixes=self._prefixes(columns, prompt),
            extra={name: columns.texts[name].plain() for name in others},
        )

    def _prefixes(self, columns: Columns, prompt: Ints) -> Prefixes | None:
        lengths = columns.numbers["hash_ids"].astype(np.int64)
        ids = np.asarray(columns.numbers["hash_ids[]"], np.int64)
        if len(ids) == 0:
            return None
        held = lengths > 0
        block = self.block or _block(prompt[held], lengths[held])
        whole, least = -(-prompt // block), prompt // block
        wrong = held & ((lengths > whole) | (lengths < least))
        if wrong.any():
            row = int(np.argmax(wrong))
            columns.refuse(
                row,
                "hash_ids",
                f"{lengths[row]} ids",
                f"{prompt[row]} tokens make {whole[row]} blocks of {block}; name the right block size",
            )
        return Prefixes(np.concatenate(([0], np.cumsum(lengths))), ids, block)


def infer(times: Floats) -> Literal["ms", "s"]:
    """Return the unit of timestamps: whole numbers are milliseconds, fractions with small gaps are seconds.

    >>> infer(np.array([0.0, 3000.0, 6000.0])), infer(np.array([0.25, 0.31, 1.875]))
    ('ms', 's')
    """
    if np.all(times == np.floor(times)):
        return "ms"
    gaps = np.diff(np.unique(times))
    return "s" if len(gaps) == 0 or np.median(gaps) < SLOW else "ms"


def _doubt(path: Path, unit: str, times: Floats) -> None:
    """Warn where whole timestamps are so dense that they may be seconds."""
    distinct = np.unique(times)
    if unit == "ms" and len(distinct) > 1 and float(np.median(np.diff(distinct))) <= DENSE:
        rate = len(times) / (distinct[-1] - distinct[0]) * 1e3
        warnings.warn(
            f"{path}: whole timestamps with gaps of {DENSE:g} and less are read as milliseconds, "
            f"{rate:,.0f} requests/s; if they are seconds, read the file with form=Mooncake(unit='s')",
            stacklevel=3,
        )


def _block(prompt: Ints, lengths: Ints) -> int:
    fits = [np.mean(-(-prompt // block) == lengths) for block in BLOCKS]
    return BLOCKS[int(np.argmax(fits))]


def _before(session: Ints) -> Ints:
    """Return the row before each row in its session; -1 for none."""
    order = np.argsort(session, kind="stable")
    same = np.concatenate(([False], session[order][1:] == session[order][:-1])) & (session[order] >= 0)
    before = np.full(len(session), -1, np.int64)
    before[order[same]] = order[np.flatnonzero(same) - 1]
    return before


def _sessions(columns: Columns) -> Ints | None:
    """Return the sessions: by `session_id`, or those that `parent_chat_id` links to one first chat."""
    session = columns.texts["session_id"].code
    if (session >= 0).any():
        return session
    chat = columns.number("chat_id", missing=np.nan)
    if np.isnan(chat).any() or len(np.unique(chat)) < len(chat):
        return None
    parent = columns.number("parent_chat_id", missing=np.nan)
    order = np.argsort(chat)
    place = np.minimum(np.searchsorted(chat[order], np.nan_to_num(parent, nan=-np.inf)), len(chat) - 1)
    root = np.where(chat[order][place] == parent, order[place], np.arange(len(chat)))
    for _ in range(int(np.log2(len(chat))) + 1):  # each round doubles the steps taken; a circle cannot go on for ever
        root = root[root]
    return root


def _chained(columns: Columns, session: Ints | None) -> Bools:
    """Return which lines wait for the line before them in their session."""
    if session is None:
        return np.zeros(len(columns), bool)
    return (_before(session) >= 0) & ~np.isnan(columns.number("delay", missing=np.nan))


def _times(columns: Columns, session: Ints | None, chained: Bools) -> Floats:
    """Return timestamps; a line that waits and has none takes that of the start of its session."""
    times = columns.number("timestamp", missing=np.nan)
    absent = np.isnan(times)
    if (absent & ~chained).any():
        row = int(np.argmax(absent & ~chained))
        columns.refuse(row, "timestamp", "", "a value is missing; only later lines of a session with delay may omit it")
    if session is not None and absent.any():
        order = np.argsort(session, kind="stable")
        filled = np.maximum.accumulate(np.where(absent[order], 0, np.arange(len(order))))
        times[order] = times[order][filled]
    return times


def _chains(columns: Columns, session: Ints | None, chained: Bools, second: float) -> tuple[Ints | None, Floats | None]:
    if session is None or not chained.any():
        return None, None
    delay = columns.number("delay", missing=np.nan)
    if (delay < 0).any():
        row = int(np.argmax(delay < 0))
        columns.refuse(row, "delay", delay[row], "a delay is at least 0")
    return np.where(chained, _before(session), -1), np.where(chained, delay * second, 0.0)
