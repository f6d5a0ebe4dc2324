"""Which variant wins, and why, in a few sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evenly.core import Metric, Outcome
from evenly.measure.bootstrap import interval
from evenly.report import trade
from evenly.report.charts.sweep import points
from evenly.report.units import show
from evenly.report.why import reason

CLEAR = 0.03  # a smaller gain than this is called a tie
SLIM = 0.10  # a lead below this is called provisional while there are few seeds
ENOUGH_SEEDS = 5
MOST_REASONS = 2  # a sentence with more is not read
MOST_NAMES = 4
MOST_BLAMED = 4  # variants behind of which each is told its reason; of more, the first and the last
JUDGES = ("goodput", "ttft_p99", "tbt_p99", "e2e_mean", "brake_time", "response_users", "throughput")  # in this order


def sentence(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> str:
    """Return `sentences` as one text.

    A difference counts if it exceeds 3% and, where outcomes carry the figures of several seeds, if the bootstrap
    interval of the difference by seed leaves out zero.
    """
    return " ".join(sentences(outcomes, metrics))


def sentences(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> list[str]:
    """Return who wins by the first judge that tells the variants apart; then why, and what the winner pays.

    Of a single variant, what holds it back; nothing if nothing does.
    """
    known = {metric.name: metric for metric in metrics}
    if len(outcomes) < 2:
        return [f"{_called(o) or 'The run'}: {said}." for o in outcomes if (said := reason(o, None, "goodput"))]
    traded = trade.pair(outcomes)
    if traded is not None:
        return trade.sentences(outcomes, metrics, traded)
    swept = points(outcomes)
    if swept is not None:
        return _along(outcomes, known, *swept)
    others = [outcome for outcome in outcomes if outcome.facts.get("trace") != outcomes[0].facts.get("trace")]
    if others:
        same = [outcome for outcome in outcomes if outcome not in others]
        serve = "serves" if len(others) == 1 else "serve"
        return [*sentences(same, metrics), f"{_names(others)} {serve} another workload and cannot be ranked with it."]
    alike = ""
    for name in JUDGES:
        ranked = _ranked(outcomes, known[name]) if name in known else []
        if any(_clear(ranked[0], other, known[name]) for other in ranked[1:]):
            return _say(outcomes, known, known[name], alike)
        if ranked and not alike:
            figure = _span(ranked, known[name])
            alike = f"By {_word(known[name])} all are alike ({figure}), so the next figure decides. "
    if not alike:
        return ["Nothing was served that could be compared."]
    seeds = " or within the spread of the seeds" if any(_seeds(o, JUDGES[0]) is not None for o in outcomes) else ""
    return [f"No variant stands out: every figure that we judge by lies within 3%{seeds}."]


def ranking(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> list[Outcome]:
    """Return the outcomes, best first by the first judge that they have; without any, in their order."""
    judges = [metric for name in JUDGES for metric in metrics if metric.name == name]
    judge = next((metric for metric in judges if _ranked(outcomes, metric)), None)
    return sorted(outcomes, key=lambda outcome: _cost(outcome, judge)) if judge is not None else list(outcomes)


def peak(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> float | None:
    """Return the point of a sweep at which the best figure of the first judge is reached; `None` without a sweep."""
    swept = points(outcomes)
    if swept is None:
        return None
    best = ranking(outcomes, metrics)[0]
    return next(place for (_, place), outcome in zip(swept[1], outcomes, strict=True) if outcome is best)


def _along(
    outcomes: Sequence[Outcome], known: Mapping[str, Metric], path: str, places: Sequence[tuple[str, float]]
) -> list[str]:
    """Return who reaches the best figure anywhere along a sweep, each variant at its best point, and who holds on."""
    metric = next((known[name] for name in JUDGES if name in known and _ranked(outcomes, known[name])), None)
    if metric is None:
        return []
    curves: dict[str, dict[float, Outcome]] = {}
    for outcome, (variant, value) in zip(outcomes, places, strict=True):
        curves.setdefault(variant, {})[value] = replace(outcome, label=variant)
    tops = {variant: _ranked(list(curve.values()), metric) for variant, curve in curves.items()}
    ranked = _ranked([top[0] for top in tops.values() if top], metric)
    first = ranked[0]
    behind = [other for other in ranked[1:] if _clear(first, other, metric)]
    leaders = [other for other in ranked if other not in behind]

    def at(outcome: Outcome) -> float:
        return next(value for value, other in curves[outcome.label].items() if other is outcome)

    reach = f"the best {_word(metric)} along {path}: {_span(leaders, metric)} at {at(first):g}"
    named = _names([leader for variant in curves for leader in leaders if leader.label == variant])
    said = f"{named} {'reaches' if len(leaders) == 1 else 'reach'} {reach}"
    rest = [f"{_called(other)} at most {_figure(other, metric)} (at {at(other):g})" for other in behind]
    rest = [*rest[:1], *rest[-1:]] if len(rest) > MOST_NAMES else rest
    opening = f"{said}; {_join(rest)}." if rest else f"{said}{', all alike' if len(leaders) > 1 else ''}."
    why = []
    for other in (behind[0], behind[-1]) if len(behind) > 1 else behind:
        here = curves[other.label].get(at(first))
        if here is not None and (because := reason(here, first, metric.name)):
            why.append(f"{_called(other)} at {at(first):g}: {because}")
    return [opening, *_parting([curves[o.label] for o in leaders], metric, at(first)), *_told(why)]


def _parting(curves: Sequence[Mapping[float, Outcome]], metric: Metric, place: float) -> list[str]:
    """Return where variants with equal best points part most; nothing if they never do."""
    if len(curves) < 2:
        return []
    widest: tuple[float, float, list[Outcome]] = (0.0, place, [])
    for value in set.intersection(*(set(curve) for curve in curves)):
        ranked = _ranked([curve[value] for curve in curves], metric)
        if len(ranked) > 1 and _clear(ranked[0], ranked[-1], metric):
            widest = max(widest, (_gain(ranked[0], ranked[-1], metric), value, ranked), key=lambda found: found[:2])
    if not widest[2]:
        return []
    ranked = widest[2]
    best = [other for other in ranked if not _clear(ranked[0], other, metric)]
    have = "has" if len(best) == 1 else "have"
    worst = f"{_called(ranked[-1])} {_figure(ranked[-1], metric)}"
    return [f"They part most at {widest[1]:g}, where {_names(best)} still {have} {_span(best, metric)} and {worst}."]


def _say(outcomes: Sequence[Outcome], known: Mapping[str, Metric], metric: Metric, alike: str) -> list[str]:
    ranked = _ranked(outcomes, metric)
    missing = [outcome for outcome in outcomes if outcome not in ranked]
    first, last = ranked[0], ranked[-1]
    behind = [other for other in ranked[1:] if _clear(first, other, metric)]
    leaders = [other for other in ranked if other not in behind]
    against = behind[0]
    if len(leaders) > 1:
        named = _names([outcome for outcome in outcomes if outcome in leaders])
        opening = f"{named} share the lead: {_word(metric)} {_span(leaders, metric)}, no clear difference; "
        opening += f"{_called(against)} follows with {_figure(against, metric)}"
    else:
        opening = f"{_called(first)} wins: {_word(metric)} {_figure(first, metric)} against "
        opening += f"{_figure(against, metric)} of {_called(against)}"
    opening += f", {_called(last)} is last with {_figure(last, metric)}" if last is not against else ""
    have = "has" if len(missing) == 1 else "have"
    opening += f"; {_names(missing)} {have} no {_word(metric)}" if missing else ""
    rest = [known[name] for name in JUDGES if name in known and name != metric.name]
    blamed = behind if len(behind) <= MOST_BLAMED else [against, last]
    why = _told([f"{_called(o)}: {said}" for o in blamed if (said := reason(o, first, metric.name))])
    traded = _apart(leaders, rest) if len(leaders) > 1 else _paid(ranked, rest, why == [])
    return [f"{alike}{opening}.", *why, *traded, *_caveat(first, against, metric)]


def _told(reasons: Sequence[str]) -> list[str]:
    return [f"{'; '.join(reasons)}."] if reasons else []


def _caveat(first: Outcome, against: Outcome, metric: Metric) -> list[str]:
    """Return a warning where a slim lead rests on few seeds."""
    seeds = _seeds(first, metric.name)
    count = 1 if seeds is None else len(seeds)
    if count >= ENOUGH_SEEDS or _gain(first, against, metric) >= SLIM:
        return []
    counted = "one seed" if count == 1 else f"{count} seeds"
    return [f"The lead is slim and rests on {counted}; --seeds {ENOUGH_SEEDS} tells it from luck."]


def _paid(ranked: list[Outcome], rest: list[Metric], gains: bool) -> list[str]:
    """Return what the winner pays by the other judges, and with `gains` what else it gains."""
    first, last = ranked[0], ranked[-1]
    said = []
    gained = [metric for metric in rest if _clear(first, last, metric)]
    if gained and gains:
        top = max(gained, key=lambda metric: _gain(first, last, metric))
        said.append(
            f"Against {_called(last)} its {_word(top)} is {_figure(first, top)} instead of {_figure(last, top)}."
        )
    paid = [(metric, other) for metric in rest for other in ranked[1:] if _clear(other, first, metric)]
    if paid:
        lost, rival = max(paid, key=lambda pair: _gain(pair[1], first, pair[0]))
        theirs = f"where {_called(rival)} has {_figure(rival, lost)}"
        said.append(f"{_called(first)} pays with {_word(lost)}: {_figure(first, lost)}, {theirs}.")
    return said


def _apart(leaders: list[Outcome], rest: list[Metric]) -> list[str]:
    """Return what tells leaders of equal rank from each other."""
    told: dict[str, list[str]] = {}
    for metric in rest:
        if sum(len(figures) for figures in told.values()) == MOST_REASONS:
            break
        ranked = _ranked(leaders, metric)
        if len(ranked) > 1 and _clear(ranked[0], ranked[-1], metric):
            best = _names([other for other in ranked if not _clear(ranked[0], other, metric)])
            worst = f"{_called(ranked[-1])} {_figure(ranked[-1], metric)}"
            told.setdefault(best, []).append(f"the best {_word(metric)} ({_figure(ranked[0], metric)}; {worst})")
    said = [f"{best} {'have' if ' and ' in best else 'has'} {_join(figures)}" for best, figures in told.items()]
    return [f"Among the leaders {_join(said)}."] if said else []


def _ranked(outcomes: Sequence[Outcome], metric: Metric) -> list[Outcome]:
    """Return the outcomes that have the figure, best first."""
    have = [outcome for outcome in outcomes if _cost(outcome, metric) < float("inf")]
    return sorted(have, key=lambda outcome: _cost(outcome, metric))


def _figure(outcome: Outcome, metric: Metric) -> str:
    return show(outcome.metrics[metric.name], metric.unit)


def _span(outcomes: Sequence[Outcome], metric: Metric) -> str:
    """Return the figure of the outcomes, or its range, best first, where three digits differ."""
    best, worst = _figure(outcomes[0], metric), _figure(outcomes[-1], metric)
    return best if best == worst else f"{best.removesuffix(f' {metric.unit}')} to {worst}"


def _word(metric: Metric) -> str:
    """Return the title of a metric inside a sentence: an abbreviation keeps its capitals.

    >>> _word(Metric("goodput", "Goodput")), _word(Metric("ttft_p99", "TTFT p99"))
    ('goodput', 'TTFT p99')
    """
    title = metric.title
    return title if title[1:2].isupper() or title[1:2].isdigit() else title[:1].lower() + title[1:]


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


def _called(outcome: Outcome) -> str:
    """Return a label as a part of a sentence: quoted if it has commas of its own."""
    return f"\u201c{outcome.label}\u201d" if "," in outcome.label else outcome.label


def _names(outcomes: Sequence[Outcome]) -> str:
    """Return the labels of outcomes, the first few if there are many."""
    labels = [_called(outcome) for outcome in outcomes]
    if len(labels) > MOST_NAMES:
        labels = [*labels[: MOST_NAMES - 1], f"{len(labels) - MOST_NAMES + 1} more"]
    return _join(labels)


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
