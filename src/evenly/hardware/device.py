"""Accelerators by name."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator."""

    name: str
    memory: float
    "Bytes."
    bandwidth: float
    "Bytes a second between memory and cores."
    flops: float
    "Dense 16-bit operations a second."
    idle: float
    "Watts when nothing runs."
    peak: float
    "Watts at full use."
    link: str
    "Name of the link to the other devices of the machine."
    source: str
    "Where the figures come from."


def device(name: str) -> Device:
    """Return an accelerator; raise `ValueError` with a suggestion for an unknown name.

    >>> device("h100").bandwidth
    3350000000000.0
    """
    known = devices()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
        raise ValueError(f"no device '{name}'; {hint}")
    return known[name]


@cache
def devices() -> dict[str, Device]:
    """Return all known accelerators by name."""
    table: dict[str, dict[str, Any]] = yaml.safe_load((DATA / "devices.yaml").read_text())
    numbers = ("memory", "bandwidth", "flops", "idle", "peak")
    return {
        name: Device(name, **{key: float(row[key]) for key in numbers}, link=row["link"], source=row["source"])
        for name, row in table.items()
    }
