"""What bursts cost: variants that differ in the law of their arrivals alone, side by side."""

import json
from collections.abc import Sequence
from typing import Any

from evenly.core import Outcome
from evenly.sweep.plan import Cell, titles

JUDGE, TITLE = "ttft_p99", "TTFT p99"  # bursts fill queues, and queues show in the first token
CALM, BURSTS = "poisson", "windows"  # values of `trace.arrivals`


def sentence(cells: Sequence[Cell], merged: Sequence[Outcome]) -> str:
    """Return the burst penalty of each pair of variants that differ in `trace.arrivals` alone; empty without a pair.

    The penalty is the P99 time to first token with bursts over that with Poisson arrivals of the same mean rate and
    lengths. If two pairs would be ranked otherwise by Poisson arrivals, the sentence says so. `merged` has an outcome
    for each title of the cells.
    """
    laws: dict[str, dict[str, Outcome]] = {}
    known = {outcome.label: outcome for outcome in merged}
    for cell, title in zip(cells, titles(cells), strict=True):
        rest, law = _split(cell)
        laws.setdefault(rest, {})[law] = known[title]
    pairs = [(found[BURSTS], found[CALM]) for found in laws.values() if {CALM, BURSTS} <= set(found)]
    pairs = [pair for pair in pairs if all(outcome.metrics.get(JUDGE, 0.0) > 0 for outcome in pair)]
    if not pairs:
        return ""
    shares = [f"{_times(b.metrics[JUDGE] / c.metrics[JUDGE])} for {b.label}" for b, c in pairs]
    said = f"Burst penalty, {TITLE} with bursts over that with Poisson arrivals of the same rate: {', '.join(shares)}."
    first = [min(pairs, key=lambda pair: pair[side].metrics[JUDGE])[0].label for side in (0, 1)]
    if first[0] != first[1]:
        said += f" By {TITLE} {first[0]} leads with bursts; Poisson arrivals would have named {first[1]}."
    return said


def _split(cell: Cell) -> tuple[str, str]:
    """Return everything of a cell but the law of its arrivals, the name and the seed; and that law."""
    raw: dict[str, Any] = {key: value for key, value in cell.document.raw.items() if key not in ("name", "seed")}
    trace = raw.get("trace")
    law = ""
    if isinstance(trace, dict):
        law = str(trace.get("arrivals", BURSTS))
        raw["trace"] = {key: value for key, value in trace.items() if key != "arrivals"}
    return json.dumps(raw, sort_keys=True, default=str), law


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times" if ratio < 100 else f"{ratio:,.0f} times"
