"""Which variant wins, and why, in a sentence."""

from collections.abc import Sequence

from evenly.core import Metric, Outcome
from evenly.report.units import show

CLEAR = 0.03  # a smaller gain than this is called a tie
JUDGES = ("goodput", "ttft_p99", "tbt_p99", "e2e_mean", "throughput")  # in this order


def sentence(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> str:
    """Return who wins by the first judge that tells them apart, what else the winner gains, and what it pays."""
    if len(outcomes) < 2:
        return ""
    known = {metric.name: metric for metric in metrics}
    for name in JUDGES:
        if name not in known:
            continue
        ranked = sorted(outcomes, key=lambda outcome: _cost(outcome, known[name]))
        gain = _gain(ranked[0], ranked[1], known[name])
        last = _gain(ranked[0], ranked[-1], known[name])
        if last > CLEAR:
            return _say(ranked, known, name, gain)
    return "No variant stands out: every figure that we judge by lies within 3%."


def _say(ranked: list[Outcome], known: dict[str, Metric], name: str, gain: float) -> str:
    first, second, last = ranked[0], ranked[1], ranked[-1]
    metric = known[name]
    value = show(first.metrics[name], metric.unit)
    if gain <= CLEAR:
        others = [o.label for o in ranked if _gain(first, o, metric) <= CLEAR]
        opening = f"{_join(others)} lead with a {metric.title} of {value}, within 3% of each other"
    else:
        opening = (
            f"{first.label} wins: {metric.title} {value} against {show(second.metrics[name], metric.unit)} of "
            f"{second.label}"
        )
    worst = f"{show(last.metrics[name], metric.unit)} of {last.label}"
    rest = [other for other in JUDGES if other in known and other != name]
    better = [known[o] for o in rest if _gain(first, last, known[o]) > CLEAR]
    worse = [known[o] for o in rest if any(_gain(other, first, known[o]) > CLEAR for other in ranked[1:])]
    reason = f"; the last is {worst}" if last is not second else ""
    if better:
        top = max(better, key=lambda m: _gain(first, last, m))
        reason += (
            f". Against {last.label} its {top.title} is {show(first.metrics[top.name], top.unit)} instead of "
            f"{show(last.metrics[top.name], top.unit)}"
        )
    if worse:
        lost = max(worse, key=lambda m: max(_gain(other, first, m) for other in ranked[1:]))
        rival = min(ranked[1:], key=lambda o: _cost(o, lost))
        reason += (
            f". It pays with {lost.title}: {show(first.metrics[lost.name], lost.unit)}, where {rival.label} has "
            f"{show(rival.metrics[lost.name], lost.unit)}"
        )
    return f"{opening}{reason}."


def _cost(outcome: Outcome, metric: Metric) -> float:
    value = outcome.metrics.get(metric.name, float("nan"))
    if value != value:
        return float("inf")
    return value if metric.better == "lower" else -value


def _gain(one: Outcome, other: Outcome, metric: Metric) -> float:
    """Return by which share `one` is better than `other`; negative if it is worse."""
    a, b = one.metrics.get(metric.name, float("nan")), other.metrics.get(metric.name, float("nan"))
    if not (a == a and b == b) or (a == 0 and b == 0):
        return 0.0
    base = max(abs(a), abs(b))
    return (b - a) / base if metric.better == "lower" else (a - b) / base


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
