"""Runs of a real engine, as a client saw them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evenly.core import Array
from evenly.hosts import bench
from evenly.sweep import folder, record

BENCH = "bench.json"
SPEED = re.compile(r"speed (?P<speed>\d[\d.e+-]*)")  # in the facts of a replay


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A real run."""

    name: str
    items: Mapping[str, Array]
    "Columns of the requests: `arrival`, `first_token`, `finish`, `prompt`, `output`, in the order of the trace."
    series: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    "The gaps between tokens, where they were kept."
    speed: float | None = None
    "How many times as fast as its trace it was sent; by default that is read off the arrivals."
    note: str = ""
    "What is to be known about it, for instance that it ended early."


def read(path: Path) -> list[Run]:
    """Return the runs in a folder of `evenly replay`, in the folder of one run, or in a `bench.json`.

    Raises `ValueError` if it is none of them, and for runs in a closed loop, whose load the engine itself decided.
    """
    if path.is_file() or ((path / BENCH).is_file() and not folder.exists(path)):
        return [Run(str(path), bench.items(path if path.is_file() else path / BENCH))]
    if not folder.exists(path) and not (path / record.NAME).is_file():
        raise ValueError(f"{path}: neither a run folder nor a {BENCH}; name what `evenly replay` wrote")
    _, _, folders, _ = record.read(path)
    return [_read(place) for place in folders]


def _read(path: Path) -> Run:
    found = folder.read(path)
    loop = str(found.facts.get("loop", ""))
    if loop == "closed":
        raise ValueError(f"{path}: was replayed in a closed loop; replay without --clients, so that both meet one load")
    early = str(found.facts.get("incomplete", ""))
    told = SPEED.search(loop)
    speed = float(told["speed"]) if told else None
    return Run(str(path), found.items, found.series, speed, f"{path}: ended early: {early}" if early else "")
