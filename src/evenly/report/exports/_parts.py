"""Long files are written in parts, so that memory does not grow with the number of requests."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from evenly.core import Array

ROWS = 20_000  # of a table that are turned into text at a time
encode = json.JSONEncoder(allow_nan=False).encode  # made once: `json.dumps` makes one a call


def chunks(columns: Mapping[str, Array]) -> Iterator[dict[str, list[Any]]]:
    """Return a table of equally long columns as lists, some rows at a time; NaN and infinity become null.

    >>> import numpy as np
    >>> list(chunks({"a": np.array([1.0, np.nan])}))
    [{'a': [1.0, None]}]
    """
    count = len(next(iter(columns.values()), ()))
    for start in range(0, count, ROWS):
        yield {name: finite(column[start : start + ROWS]) for name, column in columns.items()}


def finite(column: Array) -> list[Any]:
    """Return a column as a list, with null for what JSON cannot tell."""
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in column.tolist()]


def listed(name: str, column: Array) -> Iterator[str]:
    """Return an entry of a JSON object, a name with a long list, in parts."""
    yield f"{encode(name)}: ["
    for k, part in enumerate(chunks({name: column})):
        yield f"{', ' if k else ''}{encode(part[name])[1:-1]}"
    yield "]"
