"""What the Azure traces of 2023 and 2024 share: three columns, times of day in UTC."""

import re
from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.traces.formats._build import build, seconds, tokens
from evenly.traces.formats._columns import csv_names, read_csv
from evenly.traces.formats._errors import refuse, text_of

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
    columns = read_csv(path, NAMES[1:], stamp=NAMES[0])
    stamps, zones = columns.numbers[NAMES[0]], columns.numbers[f"{NAMES[0]} zone"]
    bad = np.ma.getmaskarray(stamps)
    if bad.any():
        line = columns.line(int(np.argmax(bad)))
        refuse(
            path, line, "the time in TIMESTAMP", text_of(path, line), "expected UTC such as 2024-05-10 00:00:00.009930"
        )
    if zones.any() and not zones.all():
        line = columns.line(int(np.argmax(zones != zones[0])))
        refuse(
            path, line, "the time in TIMESTAMP", text_of(path, line), "some rows name a zone, others not; use one form"
        )
    moments = np.asarray(stamps, np.int64)
    arrival = seconds(columns, NAMES[0], 1e-6, (moments - moments.min()).astype(np.float64))
    return build(columns, arrival, tokens(columns, NAMES[1]), tokens(columns, NAMES[2]))
