"""The page of a plan: which layout wins, where time goes, what is given up, at which rate the answer flips."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from evenly.plan.candidate import Candidate
from evenly.plan.flags import Launch
from evenly.plan.flips import FACTORS
from evenly.plan.metrics import METRICS
from evenly.plan.search import Plan
from evenly.plan.spent import Spent
from evenly.plan.told import COLUMNS, conclusions, left_out, sources
from evenly.plan.why import token
from evenly.report import rows
from evenly.report.charts.breakdown import breakdown
from evenly.report.charts.flips import flips
from evenly.report.charts.front import KINDS, Point, front
from evenly.report.document import cards, document, section
from evenly.report.rows import Rows
from evenly.report.units import show
from evenly.sweep.folder import write_text

NAMED = {metric.name: metric for metric in METRICS}
AGAINST = (("e2e_mean", "energy"), ("tpot_mean", "token_rate"))  # pairs of figures that plans trade
PARTS = tuple(entry.name for entry in fields(Spent))
WAITS = ("queue", "prompt", "hand-over", "answer")
HEADLINE = ("goodput", "ttft_mean", "tpot_mean", "energy", "cost")


def write(plan: Plan, launched: Sequence[Launch], path: Path, *, title: str, top: int) -> None:
    """Write the page of a plan at `path`, complete or not at all."""
    write_text(path, page(plan, launched, title=title, top=top))


def page(plan: Plan, launched: Sequence[Launch], *, title: str, top: int) -> str:
    """Return the page of a plan as HTML with its first `top` layouts in full; texts of others are escaped."""
    first, shown = plan.winner, _shown(plan, top)
    body = cards([(NAMED[name].title, show(first.figures[name], NAMED[name].unit), first.title) for name in HEADLINE])
    body += rows.section(_table(plan, shown)) + _fronts(plan) + _times(shown) + _rates(plan) + _launches(launched)
    body += _facts(plan)
    subtitle = f"{plan.facts['model']} · {plan.facts['devices']} · by {NAMED[plan.objective].title}"
    return document(title, subtitle, " ".join(conclusions(plan)), body)


def _shown(plan: Plan, top: int) -> list[Candidate]:
    """Return the first plans and the usual rule, each once."""
    usual = [plan.heuristic] if plan.heuristic else []
    return list({one.title: one for one in (*plan.candidates[:top], *usual)}.values())


def _name(plan: Plan, one: Candidate) -> str:
    usual = plan.heuristic is not None and one.title == plan.heuristic.title
    return f"{one.title} (usual rule)" if usual else one.title


def _table(plan: Plan, shown: Sequence[Candidate]) -> Rows:
    names = list(dict.fromkeys((plan.objective, *(limit[0] for limit in plan.limits), *COLUMNS)))
    heads = ("plan", *(NAMED[name].title for name in names), "batch", "tokens a pass")
    lines = tuple(
        (
            _name(plan, one),
            *(show(one.figures[name], NAMED[name].unit) for name in names),
            f"{one.seats:,}",
            f"{one.budget:,}",
        )
        for one in shown
    )
    about = " ".join([f"The best of {len(plan.candidates):,} layouts.", *left_out(plan), *sources(plan)])
    if plan.limits:
        kept = sum(plan.kept(one) for one in plan.candidates)
        about += f" {kept:,} keep {' and '.join(f'{name} {side} {bound:g}' for name, side, bound in plan.limits)}."
    return Rows("Plans", about, heads, lines, tuple(one is plan.winner for one in shown))


def _fronts(plan: Plan) -> str:
    pictures = []
    for x, y in AGAINST:
        points = [Point(one.title, one.figures[x], one.figures[y], _kind(plan, one)) for one in plan.candidates]
        pictures.append(front(points, NAMED[x], NAMED[y]))
    about = "Every layout that fits. On the front are those that no other one beats in answer time, energy and goodput."
    return section("What has to be given up", about, [one for one in pictures if one], KINDS)


def _kind(plan: Plan, one: Candidate) -> str:
    if one is plan.winner:
        return KINDS[0]
    if not plan.kept(one):
        return KINDS[3]
    return KINDS[1] if any(one is other for other in plan.front) else KINDS[2]


def _times(shown: Sequence[Candidate]) -> str:
    spent = {one.title: {name: float(getattr(one.spent, name)) for name in PARTS} for one in shown}
    tokens = {one.title: {name: float(getattr(token(one), name)) for name in PARTS[:-1]} for one in shown}
    waits = {one.title: _request(one) for one in shown}
    pictures = [
        breakdown("Time of the devices", spent, PARTS, "device-seconds until all is answered"),
        breakdown("Time of an output token", tokens, PARTS[:-1], "mean seconds of an output token"),
        breakdown("Time of a request", waits, WAITS, "mean seconds of a request"),
    ]
    about = "Waiting: a microbatch or rank is done before the slowest one. Idle: a copy of the model has no request."
    return section("Where time goes", about, pictures, wide="430px")


def _request(one: Candidate) -> dict[str, float]:
    """Return the mean time of a request: in the queue, to its first token, of its hand-over, and from there on."""
    names = ("queue_mean", "ttft_mean", "handover_mean", "e2e_mean")
    queue, ttft, moved, e2e = (one.figures[name] for name in names)
    rest = max(0.0, e2e - ttft - moved)
    return {"queue": queue, "prompt": max(0.0, ttft - queue), "hand-over": moved, "answer": rest}


def _rates(plan: Plan) -> str:
    if not plan.rate < float("inf") or len(plan.candidates) < 2:
        return ""
    about = "The same trace, faster and slower; the dashed line is its own rate. In a gap the best plan changes."
    return section("At which rate the answer flips", about, [flips(_stretches(plan), plan.rate)])


def _stretches(plan: Plan) -> list[tuple[float, float, str]]:
    """Return from which rate to which rate a plan is known to be the best."""
    edges = [FACTORS[0] * plan.rate]
    for flip in plan.flips:
        edges += [flip.low, flip.high]
    edges.append(FACTORS[-1] * plan.rate)
    best = [plan.flips[0].before, *(flip.after for flip in plan.flips)] if plan.flips else [plan.winner.title]
    return [(edges[2 * k], edges[2 * k + 1], title) for k, title in enumerate(best)]


def _launches(launched: Sequence[Launch]) -> str:
    boxes = "".join(_launch(one) for one in launched)
    return f"<section><h2>How to start it</h2>{boxes}</section>\n" if boxes else ""


def _launch(one: Launch) -> str:
    head = f"<h3>{html.escape(f'{one.engine} {one.version}')}</h3>"
    note = f"<p class='about'>{html.escape(one.note)}</p>" if one.note else ""
    lines = f"<pre>{html.escape(chr(10).join(one.lines))}</pre>" if one.lines else ""
    return head + note + lines


def _facts(plan: Plan) -> str:
    facts: Mapping[str, Any] = plan.facts
    entries = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd></div>" for name, value in facts.items()
    )
    return f"<section><h2>Assumed</h2><dl>{entries}</dl></section>\n"
