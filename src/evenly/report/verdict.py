"""Which variant wins, and why, in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evenly.core import Metric, Outcome
from evenly.measure.bootstrap import interval
from evenly.report.charts.sweep import points
from evenly.report.units import show

CLEAR = 0.03  # a smaller gain than this is called a tie
MOST_REASONS = 2  # a sentence with more is not read
JUDGES = ("goodput", "ttft_p99", "tbt_p99", "e2e_mean", "throughput")  # in this order


def sentence(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> str:
    """Return who wins by the first judge that tells the variants apart, what else the winner gains, and what it pays.

    A difference counts if it exceeds 3% and, where outcomes carry the figures of several seeds, if the bootstrap
    interval of the difference by seed leaves out zero. Empty for a single outcome.
    """
    if len(outcomes) < 2:
        return ""
    known = {metric.name: metric for metric in metrics}
    swept = points(outcomes)
    if swept is not None:
        return _along(outcomes, known, *swept)
    for name in JUDGES:
        if name not in known:
            continue
        ranked = sorted(outcomes, key=lambda outcome: _cost(outcome, known[name]))
        if _clear(ranked[0], ranked[-1], known[name]):
            return _say(ranked, known, known[name])
    seeds = " or within the spread of the seeds" if any(_seeds(o, JUDGES[0]) is not None for o in outcomes) else ""
    return f"No variant stands out: every figure that we judge by lies within 3%{seeds}."


def _along(
    outcomes: Sequence[Outcome], known: Mapping[str, Metric], path: str, places: Sequence[tuple[str, float]]
) -> str:
    """Return who reaches the best figure anywhere along a sweep: each variant stands with its own best point."""
    metric = next((known[name] for name in JUDGES if name in known), None)
    if metric is None:
        return ""
    peaks: dict[str, tuple[Outcome, float]] = {}
    for outcome, (variant, value) in zip(outcomes, places, strict=True):
        if variant not in peaks or _cost(outcome, metric) < _cost(peaks[variant][0], metric):
            peaks[variant] = (replace(outcome, label=variant), value)
    ranked = sorted(peaks.values(), key=lambda peak: _cost(peak[0], metric))
    first, place = ranked[0]
    reach = f"the best {metric.title} along {path}: {_figure(first, metric)} at {place:g}"
    behind = [peak for peak in ranked[1:] if _clear(first, peak[0], metric)]
    leaders = [peak[0].label for peak in ranked if peak not in behind]
    rest = [f"{outcome.label} at most {_figure(outcome, metric)} (at {value:g})" for outcome, value in behind]
    said = f"{_join(leaders)} {'reaches' if len(leaders) == 1 else 'reach'} {reach}"
    return f"{said}; {_join(rest)}." if rest else f"{said}{', all alike' if len(leaders) > 1 else ''}."


def _say(ranked: list[Outcome], known: Mapping[str, Metric], metric: Metric) -> str:
    first, last = ranked[0], ranked[-1]
    tied = [other for other in ranked[1:] if not _clear(first, other, metric)]
    behind = [other for other in ranked[1:] if other not in tied]
    against = behind[0]
    if tied:
        names = _join([first.label, *(other.label for other in tied)])
        opening = (
            f"{names} lead: {metric.title} {_figure(first, metric)}, with no clear difference between them, "
            f"against {_figure(against, metric)} of {against.label}"
        )
    else:
        opening = f"{first.label} wins: {metric.title} {_figure(first, metric)} against {_figure(against, metric)} of "
        opening += against.label
    worst = f"; the last is {last.label} with {_figure(last, metric)}" if last is not against else ""
    rest = [known[name] for name in JUDGES if name in known and name != metric.name]
    reasons = _apart([first, *tied], rest) if tied else _reasons(ranked, rest)
    return f"{opening}{worst}. {reasons}".strip()


def _reasons(ranked: list[Outcome], rest: list[Metric]) -> str:
    """Return what the winner gains and pays by the other judges."""
    first, last = ranked[0], ranked[-1]
    gained = [metric for metric in rest if _clear(first, last, metric)]
    paid = [(metric, other) for metric in rest for other in ranked[1:] if _clear(other, first, metric)]
    said = ""
    if gained:
        top = max(gained, key=lambda metric: _gain(first, last, metric))
        said += f"Against {last.label} its {top.title} is {_figure(first, top)} instead of {_figure(last, top)}. "
    if paid:
        lost, rival = max(paid, key=lambda pair: _gain(pair[1], first, pair[0]))
        said += f"It pays with {lost.title}: {_figure(first, lost)}, where {rival.label} has {_figure(rival, lost)}."
    return said


def _apart(leaders: list[Outcome], rest: list[Metric]) -> str:
    """Return what tells leaders of equal rank from each other."""
    said = []
    for metric in rest:
        ranked = sorted(leaders, key=lambda outcome: _cost(outcome, metric))
        if _clear(ranked[0], ranked[-1], metric):
            worst = f"{ranked[-1].label} {_figure(ranked[-1], metric)}"
            best = [other.label for other in ranked if not _clear(ranked[0], other, metric)]
            have = "has" if len(best) == 1 else "have"
            said.append(f"{_join(best)} {have} the best {metric.title} ({_figure(ranked[0], metric)}; {worst})")
    return f"Among them {_join(said[:MOST_REASONS])}." if said else ""


def _figure(outcome: Outcome, metric: Metric) -> str:
    return show(outcome.metrics[metric.name], metric.unit)


def _cost(outcome: Outcome, metric: Metric) -> float:
    value = outcome.metrics.get(metric.name, float("nan"))
    if value != value:
        return float("inf")
    return value if metric.better == "lower" else -value


def _clear(one: Outcome, other: Outcome, metric: Metric) -> bool:
    """Tell whether `one` is better than `other` by more than a tie and by more than chance."""
    if _gain(one, other, metric) <= CLEAR:
        return False
    ours, theirs = _seeds(one, metric.name), _seeds(other, metric.name)
    if ours is None or theirs is None or len(ours) != len(theirs) or len(ours) < 2:
        return True
    apart = interval(ours - theirs)  # the same seeds face the same luck, so they are compared in pairs
    return apart.high < 0 if metric.better == "lower" else apart.low > 0


def _seeds(outcome: Outcome, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    values = outcome.series.get("seeds", {}).get(name)
    return None if values is None else np.asarray(values, np.float64)


def _gain(one: Outcome, other: Outcome, metric: Metric) -> float:
    """Return by which share `one` is better than `other`; negative if it is worse."""
    a, b = one.metrics.get(metric.name, float("nan")), other.metrics.get(metric.name, float("nan"))
    if not (a == a and b == b) or (a == 0 and b == 0):
        return 0.0
    base = max(abs(a), abs(b))
    return (b - a) / base if metric.better == "lower" else (a - b) / base


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
