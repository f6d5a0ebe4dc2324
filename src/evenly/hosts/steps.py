"""Read the step log that the scheduler adapter writes: a header, then a line a pass."""

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.hardware.calibration.steps import Steps

FORMAT, VERSION = "evenly-steps", 1
TEXTS = ("engine", "model", "machine", "started")
LIMITS = ("block", "blocks", "max_num_seqs", "max_num_batched_tokens", "max_model_len")
TIMES = ("begin", "planned", "computed", "done")
LINE = 100_000  # characters of a header, at most
COUNTS = ("decodes", "context", "longest", "running")
REMEDY = "remove the line or log again"


@dataclass(frozen=True, slots=True, eq=False)
class StepLog:
    """A step log: which engine, and its passes."""

    path: Path
    digest: str
    "SHA-256 of the file."
    header: Mapping[str, Any]
    steps: Steps
    notes: tuple[str, ...] = ()
    "What was left out, in sentences."


def read(path: Path) -> StepLog:
    """Read a step log.

    A last line that was not written to its end is left out and told. Raises `ValueError` that names file, line, field
    and value for anything else that is no step log, for times that run backwards, and for a log without passes.
    """
    try:
        raw = path.read_bytes()
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text (byte {error.start}); is it a step log?") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    header = _header(path, lines[0])
    last = lines.pop()
    notes = []
    if last and not _complete(last):
        notes.append(f"{path}: line {len(lines) + 1} was not written to its end and is left out")
    elif last:
        lines.append(last)
    rows = [_row(f"{path}:{number}", line) for number, line in enumerate(lines[1:], 2)]
    if not rows:
        raise ValueError(f"{path}: no passes; did the engine serve a request?")
    _check_order(path, rows)
    return StepLog(path, hashlib.sha256(raw).hexdigest(), header, _steps(rows), tuple(notes))


def recognises(path: Path) -> bool:
    """Tell whether a file begins like a step log, of whatever version."""
    try:
        with path.open(encoding="utf-8") as file:
            return bool(json.loads(file.readline(LINE)).get("format") == FORMAT)
    except (OSError, ValueError, AttributeError):
        return False


def _complete(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _object(place: str, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: not JSON ({error}); a step log holds one object a line") from None
    if not isinstance(found, dict):
        raise ValueError(f"{place}: expected an object, found {line[:60]!r}; a step log holds one object a line")
    return found


def _header(path: Path, line: str) -> dict[str, Any]:
    place = f"{path}:1"
    found = _object(place, line) if line.strip() else {}
    if found.get("format") != FORMAT:
        raise ValueError(
            f"{place}: format is {found.get('format')!r}, not '{FORMAT}'; is it a log of evenly.hosts.vllm?"
        )
    if found.get("version") != VERSION:
        raise ValueError(
            f"{place}: version is {found.get('version')!r}, this evenly reads {VERSION}; log again with this version"
        )
    for name in TEXTS:
        if not isinstance(found.get(name), str):
            raise ValueError(f"{place}: {name} is text, found {found.get(name)!r}; log again")
    for name in LIMITS:
        if not _whole(found.get(name)) or found[name] < 1:
            raise ValueError(f"{place}: {name} is a whole number of at least 1, found {found.get(name)!r}; log again")
    return found


def _row(place: str, line: str) -> dict[str, Any]:
    found = _object(place, line)
    for name in TIMES:
        value = found.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise ValueError(f"{place}: {name} is a time in seconds, found {value!r}; {REMEDY}")
    for name in COUNTS:
        if not _whole(found.get(name)):
            raise ValueError(f"{place}: {name} is a whole number of at least 0, found {found.get(name)!r}; {REMEDY}")
    chunks = found.get("chunks")
    good = isinstance(chunks, list) and all(
        isinstance(piece, list) and len(piece) == 2 and _whole(piece[0]) and _whole(piece[1]) and piece[0] > 0
        for piece in chunks
    )
    if not good:
        raise ValueError(f"{place}: chunks is a list of [tokens, before], found {chunks!r}; {REMEDY}")
    if not chunks and not found["decodes"]:
        raise ValueError(f"{place}: a pass with neither chunks nor decodes; {REMEDY}")
    return found


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_order(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise `ValueError` if times run backwards within a pass, or passes do not begin and end one after the other."""
    for number, row in enumerate(rows, 2):
        for one, two in itertools.pairwise(TIMES):
            if row[two] < row[one]:
                raise ValueError(
                    f"{path}:{number}: {two} is {row[two]}, earlier than {one} ({row[one]}); keep one log an engine"
                )
    for number, (row, following) in enumerate(itertools.pairwise(rows), 3):
        for name in ("begin", "done"):
            if following[name] < row[name]:
                raise ValueError(
                    f"{path}:{number}: {name} is {following[name]}, earlier than that of the pass before "
                    f"({row[name]}); keep one log an engine"
                )


def _steps(rows: Sequence[Mapping[str, Any]]) -> Steps:
    begin, planned, computed, done = (np.array([row[name] for row in rows], np.float64) for name in TIMES)
    decodes, context, longest, running = (np.array([row[name] for row in rows], np.int64) for name in COUNTS)
    pieces = np.array([piece for row in rows for piece in row["chunks"]], np.int64).reshape(-1, 2)
    seconds = np.append(np.where(running[:-1] > 0, begin[1:], done[:-1]), done[-1]) - begin
    computing = computed - planned
    if np.any(begin[1:] < done[:-1]):  # planned ahead: a pass lasts from output to output, its host work is hidden
        seconds = done - np.maximum(begin, np.concatenate(([-np.inf], done[:-1])))
        computing = np.full(len(rows), np.nan)
    return Steps(
        begin=begin,
        done=done,
        seconds=seconds,
        computing=computing,
        offsets=np.concatenate(([0], np.cumsum([len(row["chunks"]) for row in rows]))),
        chunk=np.ascontiguousarray(pieces[:, 0]),
        before=np.ascontiguousarray(pieces[:, 1]),
        decodes=decodes,
        context=context,
        longest=longest,
        running=running,
    )
