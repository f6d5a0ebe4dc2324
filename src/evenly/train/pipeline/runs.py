"""Tables of measured runs: microseconds of each pass by device, and what a step took."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from evenly.core import Floats
from evenly.train.pipeline.times import Times

PUBLISHED = Path(__file__).parent / "data" / "vocabulary-parallelism-a100x8.csv"
US, MS = 1e-6, 1e-3
COLUMNS = ("forward_us", "backward_us", "output_us", "input_forward_us", "input_backward_us")
KEYS = ("method", "vocab", "seq_len", "microbatches", "stages", "layers", "hidden")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured run of one stage a device; arrays by device."""

    method: str
    vocabulary: int
    sequence: int
    micro: int
    devices: int
    layers: int
    hidden: int
    iteration: float
    "Seconds of a step."
    peak: float
    "Most bytes on a device."
    forward: Floats
    backward: Floats
    output: Floats
    "Both passes of the sharded output layer; 0 where it is part of the last stage."
    embed: Floats
    scatter: Floats
    hop: float
    "Seconds of a send; 0 where it was not measured."


def times(row: Row) -> Times:
    """Return the times of a measured run."""
    softmax = row.output * (2 / 3 if row.method == "vocab-2" else 1 / 3)
    half = row.backward / 2
    return Times(row.forward, half, half, softmax, row.output - softmax, row.embed, row.scatter, row.hop)


@cache
def rows(path: str = "") -> tuple[Row, ...]:
    """Return the rows of a table, the published one without a path; raise `ValueError` that names the line."""
    place = Path(path) if path else PUBLISHED
    try:
        with place.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = {*KEYS, *COLUMNS, "iteration_ms", "peak_memory_mib", "p2p_us"} - set(reader.fieldnames or ())
            if missing:
                raise ValueError(
                    f"{place}: no column '{sorted(missing)[0]}'; there are {', '.join(reader.fieldnames or ())}"
                )
            return tuple(_row(place, reader.line_num, record) for record in reader)
    except OSError as error:
        raise ValueError(f"{place}: cannot be read: {error.strerror}") from None


def _row(place: Path, line: int, record: dict[str, str]) -> Row:
    try:
        method, *counts = (record[name] for name in KEYS)
        vocabulary, sequence, micro, devices, layers, hidden = map(int, counts)
        forward, backward, output, embed, scatter = (
            np.array(record[name].split(), np.float64) * US for name in COLUMNS
        )
        iteration, peak, hop = (float(record[name]) for name in ("iteration_ms", "peak_memory_mib", "p2p_us"))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}:{line}: {error}") from None
    for name, column in zip(COLUMNS, (forward, backward, output, embed, scatter), strict=True):
        if len(column) != devices:
            raise ValueError(f"{place}:{line}: {name} has {len(column)} times for {devices} stages")
    return Row(
        method, vocabulary, sequence, micro, devices, layers, hidden,
        iteration * MS, peak * 2**20, forward, backward, output, embed, scatter, hop * US,
    )  # fmt: skip
