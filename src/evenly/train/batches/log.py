"""The log of a training: a line a micro-batch, with the lengths of its sequences and the seconds that it took."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Floats, Ints

COLUMNS = ("lengths", "seconds")
LINE = 10_000_000  # characters of a line that is looked at to tell what a file is
REMEDY = 'write a line a micro-batch: {"lengths": [512, 37], "seconds": 0.25}'


def recognises(path: Path) -> bool:
    """Tell whether a file begins like the log of a training, by the columns of its first line."""
    try:
        with path.open(encoding="utf-8") as file:
            found = json.loads(file.readline(LINE))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and any(name in found for name in COLUMNS)


def read(paths: Iterable[Path]) -> tuple[list[Ints], Floats]:
    """Return the lengths and seconds of all micro-batches, file after file.

    Raises `ValueError` that names file, line, field and value for what is no such line, and for a file without any.
    """
    lengths, seconds = [], []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: cannot be read: {error}") from None
        rows = [_row(f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise ValueError(f"{path}: no micro-batches; {REMEDY}")
        lengths += [np.array(sizes, np.int64) for sizes, _ in rows]
        seconds += [taken for _, taken in rows]
    return lengths, np.array(seconds)


def text(lengths: Iterable[Ints], seconds: Iterable[float]) -> str:
    r"""Return the log of these micro-batches, as `read` reads it.

    >>> text([np.array([512, 37])], [0.25])
    '{"lengths": [512, 37], "seconds": 0.25}\n'
    """
    pairs = zip(lengths, seconds, strict=True)
    return "".join(json.dumps({"lengths": part.tolist(), "seconds": taken}) + "\n" for part, taken in pairs)


def _row(place: str, line: str) -> tuple[Sequence[int], float]:
    try:
        found: Any = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: not JSON ({error}); {REMEDY}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{place}: expected an object, found {line[:60]!r}; {REMEDY}")
    sizes: Any = found.get("lengths")
    taken: Any = found.get("seconds")
    if not (isinstance(sizes, list) and sizes and all(type(size) is int and size > 0 for size in sizes)):
        raise ValueError(f"{place}: lengths are whole numbers of at least 1, found {str(sizes)[:60]}; {REMEDY}")
    if type(taken) not in (int, float) or not 0 < taken < math.inf:
        raise ValueError(f"{place}: seconds is a number above 0, found {taken!r}; {REMEDY}")
    return sizes, float(taken)
