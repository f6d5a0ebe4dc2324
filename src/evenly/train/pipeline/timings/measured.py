"""Times that were measured on devices."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from evenly.core import FilePath, Floats
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.work import Work

PUBLISHED = Path(__file__).parents[1] / "data" / "vocabulary-parallelism-a100x8.csv"
METHODS = {
    "ends": "baseline",
    "redistributed": "redis",
    "interlaced": "interlaced",
    "two-barriers": "vocab-1",
    "one-barrier": "vocab-2",
}
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


@dataclass(frozen=True, slots=True)
class Measured:
    """Times that were measured on devices: rows with microseconds of each pass by device.

    Without a file the published runs of 4B models on eight A100: a vocabulary of 32,000 to 256,000, sequences of 2,048
    and 4,096, 32 layers of width 3,072, under each placement. Of a backward pass half is the gradient of the input; of
    a sharded output layer a third is its first pass, with one barrier two thirds.

    Reference: github.com/sail-sg/VocabularyParallelism, the measurements of its artifact.
    """

    path: FilePath = ""
    "A table with the columns of the published one."

    def times(self, work: Work) -> Times:
        """Return the times of the row for this work; raise `ValueError` where there is none."""
        shape = work.shape
        wanted = (METHODS[work.placement], shape.vocabulary, shape.sequence, work.devices, shape.layers, shape.hidden)
        found = rows(self.path)
        for row in found:
            if (row.method, row.vocabulary, row.sequence, row.devices, row.layers, row.hidden) == wanted:
                return times(row)
        names = ("method", "vocabulary", "sequence", "devices", "layers", "hidden")
        asked = ", ".join(f"{name} {value}" for name, value in zip(names, wanted, strict=True))
        known = "; ".join(f"{name} {', '.join(map(str, sorted({getattr(r, name) for r in found})))}" for name in names)
        raise ValueError(f"no measured run with {asked}; there are {known}")


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
