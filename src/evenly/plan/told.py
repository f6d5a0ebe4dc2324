"""A plan as a table, as text and as JSON."""

from dataclasses import asdict
from statistics import median
from typing import Any

from evenly.hardware.model import model
from evenly.plan.candidate import Candidate
from evenly.plan.cost import ROOFLINE
from evenly.plan.flags import launches
from evenly.plan.search import Plan
from evenly.plan.spent import Spent
from evenly.plan.timings.roofline import Roofline
from evenly.plan.timings.silicon import Silicon
from evenly.plan.why import shown, why

EXPERTS = (
    "Measured servers of a model with experts took twice as long a token as told here, in the same order of layouts: "
    "compare the plans, and do not count on the seconds; `--cost silicon` is nearer where its tables have the experts."
)
SCALED = (
    "The tables' kernel of 8-bit experts with one scale a matrix is slower than that of 16 bits, and measured servers "
    "were twice as fast: hold the plan against `--cost silicon-block`."
)
SMALL = 0.005  # share of a source that is told
UNLIKE = 0.1  # share of the roofline beyond that of the others from which plans are compared on other terms
COLUMNS = ("goodput", "slo_share", "ttft_mean", "tpot_mean", "e2e_mean", "token_rate", "energy", "cost")


def as_json(plan: Plan, top: int) -> dict[str, Any]:
    """Return everything that a search found, as JSON holds it: the first `top` plans in full."""
    return {
        "objective": plan.objective,
        "limits": [list(limit) for limit in plan.limits],
        "rate": plan.rate if plan.rate < float("inf") else None,
        "winner": plan.winner.title,
        "keeps_limits": plan.kept(plan.winner),
        "why": why(plan),
        "heuristic": plan.heuristic.as_json() if plan.heuristic else None,
        "candidates": [one.as_json() for one in plan.candidates[:top]],
        "scored": len(plan.candidates),
        "unfit": [{"title": one.title, "missing_gb": one.missing_gb} for one in plan.unfit if not one.untimed],
        "untimed": [{"title": one.title, "reason": one.untimed} for one in plan.unfit if one.untimed],
        "front": [one.title for one in plan.front],
        "flips": [asdict(flip) for flip in plan.flips],
        "launch": [asdict(launch) for launch in launches(plan.winner)],
        "facts": dict(plan.facts),
    }


def conclusions(plan: Plan) -> list[str]:
    """Return why the best plan wins, how the usual rule does, and at which rates the answer flips."""
    told = [why(plan), *broken(plan.winner)]
    if plan.heuristic and plan.heuristic.title != plan.winner.title:
        factor = plan.heuristic.figures["e2e_mean"] / plan.winner.figures["e2e_mean"]
        told.append(
            f"The usual rule, {plan.heuristic.title}, answers in {plan.heuristic.figures['e2e_mean']:.3g} s on "
            f"average, {factor:.2f} times the winner's {plan.winner.figures['e2e_mean']:.3g} s."
        )
    told += [
        f"Above {flip.rate:.2g} req/s ({flip.low:.2g} to {flip.high:.2g}) {flip.after} wins, below {flip.before}."
        for flip in plan.flips
    ]
    if plan.rate < float("inf") and not plan.flips:
        told.append("The winner stays the same at a quarter to eight times the rate.")
    return told


def broken(best: Candidate) -> list[str]:
    """Return that the best plan breaks the SLO for most requests, and by how much, if it does."""
    share, slo = best.figures["slo_share"], best.scenario.slo
    if share >= 0.5:
        return []
    part = f"{100 * share:.0f}% of the requests keep" if share > 0 else "No request keeps"
    first, token = best.figures["ttft_mean"], 1e3 * best.figures["tpot_mean"]
    return [
        f"{part} the limits ({slo}, in ms) even there: the first token takes {1e3 * first:.3g} ms on average, another "
        f"one {token:.3g} ms. Loosen them, send less, or take more or faster devices."
    ]


def sentences(plan: Plan) -> list[str]:
    """Return what a person wants to read below the table, a paragraph an entry."""
    told = conclusions(plan)
    told.append(f"No plan beats these in answer time, energy and goodput at once: {titles(plan.front)}.")
    told += left_out(plan)
    told += sources(plan)
    told += cautions(plan)
    for launch in launches(plan.winner):
        head = f"{launch.engine} {launch.version}" + (f" ({launch.note})" if launch.note else "")
        told.append("\n  ".join([f"{head}:", *launch.lines]) if launch.lines else head)
    return told


def left_out(plan: Plan) -> list[str]:
    """Return how many layouts were not scored, and why."""
    untimed = [one for one in plan.unfit if one.untimed]
    unfit = len(plan.unfit) - len(untimed)
    told = [f"{unfit} layouts do not hold the model and the longest request."] if unfit else []
    if untimed:
        first = f"{untimed[0].title}: {untimed[0].untimed}"
        told.append(f"{len(untimed)} layouts have no table and are left out; the first, {first}.")
    return told


def cautions(plan: Plan) -> list[str]:
    """Return what is known to be wrong with the seconds of models with experts."""
    served, timing = model(plan.winner.scenario.model), plan.winner.scenario.timing
    if not served.experts:
        return []
    if isinstance(timing, Roofline):
        return [EXPERTS]
    scaled = isinstance(timing, Silicon) and timing.scales == "tensor" and served.bytes == 1
    return [SCALED] if scaled else []


def sources(plan: Plan) -> list[str]:
    """Return where the seconds of the best plan come from, and whether those of others are measured far more."""
    found = plan.winner.origins
    if not found:
        return []
    parts = (f"{share:.0%} {source}" for source, share in found.items() if share >= SMALL)
    told = [f"The time of passes of {plan.winner.title} comes from: {', '.join(parts)}."]
    ours, usual = found.get(ROOFLINE, 0.0), median(one.origins.get(ROOFLINE, 0.0) for one in plan.candidates)
    if ours > usual + UNLIKE:
        told.append(
            f"The roofline stands for {ours:.0%} of it, and for {usual:.0%} with most other plans. Where it is faster "
            "than kernels are, that alone may put this plan first."
        )
    return told


def titles(candidates: tuple[Candidate, ...]) -> str:
    """Return the titles of plans, in quotes where they hold a comma."""
    return "; ".join(one.title for one in candidates)


def table(plan: Plan, top: int) -> Any:
    """Return a rich table of the first `top` plans and of the usual rule."""
    from rich.table import Table

    from evenly.plan.metrics import METRICS

    named = {metric.name: metric for metric in METRICS}
    columns = list(dict.fromkeys((plan.objective, *(limit[0] for limit in plan.limits), *COLUMNS)))
    made = Table(title=f"{plan.facts['model']} on {plan.facts['devices']}, by {named[plan.objective].title}")
    made.add_column("plan")
    for name in columns:
        made.add_column(named[name].title, justify="right")
    made.add_column("compute / memory / collectives / host / waiting / idle", justify="right")
    rows = list(plan.candidates[:top])
    if plan.heuristic and plan.heuristic not in rows:
        rows.append(plan.heuristic)
    for one in rows:
        mark = " (usual rule)" if one is plan.heuristic else ""
        cells = [shown(one.figures[name], named[name].unit) for name in columns]
        made.add_row(one.title + mark, *cells, shares(one.spent), style=None if plan.kept(one) else "dim")
    return made


def shares(spent: Spent) -> str:
    """Return where device time goes, in percent.

    >>> shares(Spent(4.0, 3.0, 1.0, 0.5, 1.0, 0.5))
    '40 / 30 / 10 / 5 / 10 / 5'
    """
    parts = (spent.compute, spent.memory, spent.collectives, spent.host, spent.waiting, spent.idle)
    return " / ".join(f"{100 * part / spent.total:.0f}" for part in parts)
