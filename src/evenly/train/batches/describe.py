"""What a data set costs a data-parallel training: padding, ranks that wait, and what each partitioner saves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenly.balance.packers.longest_pack_first import LongestPackFirst, filled
from evenly.balance.partitioners.blocks import Blocks
from evenly.core import Floats, Ints
from evenly.traces.sequences import Sequences
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.padding import Padding
from evenly.train.batches.scenario import PARTITIONS, BatchesScenario

STEPS = 100  # global batches that are dealt
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
UNITS = {"padding": "share", "ranks_idle": "share", "room_used": "share", "share": "share"}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Sequences of the data set in random order."""

    found: Sequences

    def draw(self, count: int, chance: np.random.Generator) -> Ints:
        share = None if self.found.count is None else self.found.count / self.found.count.sum()
        return chance.choice(self.found.length, count, p=share)


def describe(found: Sequences, ranks: int = 8, batch: int = 8, seed: int = 0) -> dict[str, Any]:
    """Return tables of a data set for `ranks` ranks that train on `batch` sequences a step each.

    100 global batches are drawn from it; equal arguments give equal tables. Raises `ValueError` for numbers below 1.
    """
    if min(ranks, batch) < 1:
        raise ValueError(f"ranks and batch are at least 1, not {ranks} and {batch}")
    run = BatchesScenario(corpus=_Drawn(found), ranks=ranks, batch=batch, steps=STEPS, seed=seed).check()
    lengths = run.lengths()
    return {
        "data_set": _whole(found),
        "tokens_of_a_sequence": _quantiles(found),
        "padded": _padded(run, lengths),
        "packed": _packed(found),
        "ranks": _dealt(run, lengths),
    }


def sentence(description: Mapping[str, Any], ranks: int, batch: int) -> str:
    """Return what stands out."""
    naive, *others = description["ranks"]
    best = min(others, key=lambda row: row["busiest_rank"])
    longest = next(row["padding"] for row in description["padded"] if row["to"] == "longest of the micro-batch")
    return (
        f"Padding each rank's batch to its longest sequence wastes {longest:.0%} of the positions. On {ranks} ranks of "
        f"{batch} without padding, ranks stand idle for {naive['ranks_idle']:.1%} of the time if sequences are dealt "
        f"as they come, and for {best['ranks_idle']:.2%} if dealt by {best['partitioner']}: steps take "
        f"{1 - best['busiest_rank'] / naive['busiest_rank']:.1%} less."
    )


def _whole(found: Sequences) -> dict[str, Any]:
    counts = np.ones(len(found.length), np.int64) if found.count is None else found.count
    mean = float(found.length @ counts) / found.number
    return {
        "sequences": found.number,
        "tokens": int(found.length @ counts),
        "mean_tokens": mean,
        "longest": int(found.length.max()),
        "variation": float(np.sqrt((found.length - mean) ** 2 @ counts / found.number)) / mean,
    }


def _quantiles(found: Sequences) -> list[dict[str, Any]]:
    order = np.argsort(found.length, kind="stable")
    counts = np.ones(len(order), np.int64) if found.count is None else found.count[order]
    below: Floats = np.cumsum(counts) / counts.sum()
    last = len(order) - 1
    return [
        {"share": share, "at_most": int(found.length[order[min(last, int(np.searchsorted(below, share - 1e-12)))]])}
        for share in SHARES
    ]


def _padded(run: BatchesScenario, lengths: Ints) -> list[dict[str, Any]]:
    rows = []
    policies: tuple[tuple[Padding, str], ...] = (
        ("full", "longest of the data set"),
        ("longest", "longest of the micro-batch"),
        ("bucket", f"next multiple of {run.bucket}"),
    )
    for padding, told in policies:
        account = replace(run, padding=padding, deal=Partitioned(Blocks())).account(lengths)
        rows.append({"to": told, "padding": account.metrics()["padding"]})
    return rows


def _packed(found: Sequences) -> list[dict[str, Any]]:
    """Return how full packs of the longest length are, and how many sequences stand in one."""
    values, inverse = np.unique(found.length, return_inverse=True)
    counts = np.bincount(inverse, found.count).astype(np.int64)
    capacity, rows = int(values[-1]), []
    for most in (3, 12, 0):
        contents = LongestPackFirst(most).contents(values, counts, capacity)
        packs = sum(times for times, _ in contents)
        told = str(most) if most else "any number"
        rows.append(
            {"sequences_at_most": told, "room_used": filled(contents, capacity), "fewer_rows": found.number / packs}
        )
    return rows


def _dealt(run: BatchesScenario, lengths: Ints) -> list[dict[str, Any]]:
    from evenly.balance.partitioners import partitioners

    rows: list[dict[str, Any]] = []
    for entry in PARTITIONS:
        knobs = {key: value for key, value in entry.items() if key != "use"}
        plugin = partitioners[str(entry["use"])](**knobs)
        figures = replace(run, deal=Partitioned(plugin)).account(lengths).metrics()
        first = rows[0]["busiest_rank"] if rows else figures["imbalance"]
        rows.append(
            {
                "partitioner": str(entry["use"]),
                "busiest_rank": figures["imbalance"],
                "ranks_idle": figures["idle_share"],
                "faster": first / figures["imbalance"],
            }
        )
    return rows
