"""Which share of the time of devices was measured, and by whom."""

from collections.abc import Iterable, Mapping

from evenly.core import Floats
from evenly.plan.cost import ROOFLINE, Kernel, Tables
from evenly.plan.layout import Layout
from evenly.plan.spent import DECODES, OWN, PASSES, TOKENS, by_work, together

HOST = "assumed host time"
COLLECTIVES = "collectives, own tables or formula"


def origins(log: Floats, tables: Tables, layout: Layout) -> dict[str, float]:
    """Return the device-seconds of passes by the source of their times."""
    if len(log) == 0:
        return {}
    host, compute, memory, collectives = (float(part) for part in by_work(log, tables, layout).sum(axis=1))
    found = {HOST: host}
    if not tables.kernels:
        found |= {ROOFLINE: compute + memory, COLLECTIVES: collectives}
    k, tokens = log[:, PASSES], log[:, DECODES] + log[:, TOKENS]
    _add(found, tables.kernels, tokens, log[:, DECODES], k)
    if tables.together:
        ours = together(log, layout)
        _add(found, tables.together, ours, ours, k)
    attention = float(log[:, OWN].sum()) - host - compute - memory - collectives
    found[tables.attention] = found.get(tables.attention, 0.0) + max(0.0, attention)
    width = layout.stages * layout.tensor / layout.attention
    return {source: width * seconds for source, seconds in found.items()}


def shares(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the shares of all sources in the sum of several groups of devices, the largest first.

    >>> shares([{"roofline": 3.0, "host": 1.0}, {"host": 4.0}])
    {'host': 0.625, 'roofline': 0.375}
    """
    sums: dict[str, float] = {}
    for part in parts:
        for source, seconds in part.items():
            sums[source] = sums.get(source, 0.0) + seconds
    whole = sum(sums.values())
    largest = sorted(sums.items(), key=lambda item: -item[1])
    return {source: seconds / whole for source, seconds in largest if seconds > 0}


def _add(found: dict[str, float], kernels: Iterable[Kernel], tokens: Floats, sequences: Floats, passes: Floats) -> None:
    for one in kernels:
        seconds = float((one.curve.at(sequences if one.role == "head" else tokens) * passes).sum())
        found[one.source] = found.get(one.source, 0.0) + seconds
