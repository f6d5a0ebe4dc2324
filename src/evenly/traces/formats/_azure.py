"""What the Azure traces of 2023 and 2024 share: three columns, times of day in UTC."""

import re
from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.traces.formats._build import build, seconds, tokens
from evenly.traces.formats._columns import Columns, csv_names, read_csv

NAMES = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
STAMP = r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$"


def zone(head: str) -> str | None:
    """Return the time zone of the first row of an Azure trace; an empty string for none, `None` for another format."""
    lines = head.splitlines()
    if tuple(csv_names(head)) != NAMES:
        return None
    found = re.match(STAMP, lines[1].split(",")[0].strip()) if len(lines) > 1 else None
    return (found.group(3) or "") if found else ""


def read_azure(path: Path) -> Trace:
    """Return the trace; its times count from the first request."""
    columns = read_csv(path, text=("TIMESTAMP",))
    times = _microseconds(columns)
    arrival = seconds(columns, "TIMESTAMP", 1e-6, (times - times.min()).astype(np.float64))
    return build(columns, arrival, tokens(columns, "ContextTokens"), tokens(columns, "GeneratedTokens"))


def _microseconds(columns: Columns) -> np.ndarray:
    """Parse by numpy's own ISO reader: `2023-11-16 18:15:46.6805900`, digits beyond microseconds cut off."""
    text = columns.text("TIMESTAMP").astype(str)
    ends = np.char.endswith(text, ("+00:00")) | np.char.endswith(text, "Z")
    if not ends.all() and ends.any():
        row = int(np.argmin(ends == ends[0]))
        columns.refuse(row, "TIMESTAMP", text[row], "some times name a zone and others do not; use one form")
    plain = np.char.replace(np.char.rstrip(np.char.replace(text, "+00:00", ""), "Z"), "T", " ")
    plain = plain.astype("U26")
    try:
        return plain.astype("datetime64[us]").astype(np.int64)
    except ValueError:
        for row, stamp in enumerate(plain):
            try:
                np.datetime64(stamp, "us")
            except ValueError:
                columns.refuse(row, "TIMESTAMP", text[row], "expected a time such as 2024-05-10 00:00:00.009930+00:00")
        raise
