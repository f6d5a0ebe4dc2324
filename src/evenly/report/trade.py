"""Variants that are judged by two figures at once, because either is easily had for the other."""

import math
from collections.abc import Sequence

from evenly.core import Metric, Outcome
from evenly.report.units import show

TRADES = (("cold_starts", "pod_hours"), ("ttft_p99", "replica_hours"))
"Pairs of metrics, both better when lower, that are never told alone."


def pair(outcomes: Sequence[Outcome]) -> tuple[str, str] | None:
    """Return the pair of metrics by which variants are judged that all have, or `None` if there is none."""

    def known(outcome: Outcome, name: str) -> bool:
        return not math.isnan(outcome.metrics.get(name, math.nan))

    return next(
        (names for names in TRADES if outcomes and all(known(o, name) for o in outcomes for name in names)), None
    )


def front(outcomes: Sequence[Outcome], names: tuple[str, str]) -> list[Outcome]:
    """Return the outcomes that no other one beats in one figure without losing in the other, in their order."""
    return [one for one in outcomes if not any(_beats(other, one, names) for other in outcomes)]


def sentences(outcomes: Sequence[Outcome], metrics: Sequence[Metric], names: tuple[str, str]) -> list[str]:
    """Return who stands at the front, from one end to the other, and who is beaten in both figures by whom."""
    if len(outcomes) < 2:
        return []
    known = {metric.name: metric for metric in metrics}
    best = sorted(front(outcomes, names), key=lambda one: one.metrics[names[0]])
    said = [f"{one.label} ({_figures(one, known, names)})" for one in best]
    titles = " and ".join(known[name].title.lower() for name in names)
    opening = f"Nothing beats {_join(said)} in both {titles}" if len(said) > 1 else f"{said[0]} wins in {titles}"
    beaten = []
    for other in outcomes:
        if other not in best:
            rival = next(one for one in best if _beats(one, other, names))
            beaten.append(f"{other.label} ({_figures(other, known, names)}) is beaten by {rival.label}")
    return [f"{opening}.", *([f"{'; '.join(beaten)}."] if beaten else [])]


def _beats(one: Outcome, other: Outcome, names: tuple[str, str]) -> bool:
    """Tell whether `one` is at least as good in both figures, and better in one."""
    ours, theirs = ([outcome.metrics[name] for name in names] for outcome in (one, other))
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _figures(outcome: Outcome, known: dict[str, Metric], names: tuple[str, str]) -> str:
    told = [show(outcome.metrics[name], known[name].unit or known[name].title.lower()) for name in names]
    return ", ".join(told)


def _join(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
