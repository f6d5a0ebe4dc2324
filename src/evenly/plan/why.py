"""Why one plan beats another, in a sentence."""

from dataclasses import fields

from evenly.plan.candidate import Candidate
from evenly.plan.metrics import METRICS
from evenly.plan.search import Plan
from evenly.plan.spent import Spent

UNITS = {metric.name: metric for metric in METRICS}
WORDS = {
    "compute": "arithmetic",
    "memory": "reading weights and caches",
    "collectives": "collectives",
    "host": "host work",
    "waiting": "waiting for slower microbatches or ranks",
    "idle": "idle copies of the model",
}
QUEUE = 0.05  # of the mean answer: below, queues explain nothing


def why(plan: Plan) -> str:
    """Return how far the best plan leads over the next one, and on what the two spend their time differently."""
    first = plan.winner
    if not plan.kept(first):
        return f"No plan keeps {limits(plan)}; {first.title} comes closest in {UNITS[plan.objective].title}."
    others = [one for one in plan.candidates[1:] if plan.kept(one)]
    if not others:
        return (
            f"{first.title} is the only plan that keeps {limits(plan)}."
            if plan.limits
            else f"{first.title} alone fits."
        )
    return f"{lead(plan, first, others[0])} {difference(first, others[0])}"


def lead(plan: Plan, first: Candidate, second: Candidate) -> str:
    """Return by how much the first plan is better."""
    metric = UNITS[plan.objective]
    a, b = first.figures[metric.name], second.figures[metric.name]
    said = f"{metric.title} {shown(a, metric.unit)} against {shown(b, metric.unit)}"
    if a == b or abs(a - b) < 0.01 * abs(b):
        e2e = f"{first.figures['e2e_mean']:.3g} against {second.figures['e2e_mean']:.3g} s"
        return f"{first.title} is as good as {second.title} in {metric.title} and answers sooner: {e2e}."
    return f"{first.title} beats {second.title}: {said}."


def difference(first: Candidate, second: Candidate) -> str:
    """Return the largest differences in device-seconds, and in the queue."""
    parts = []
    for entry in fields(Spent):
        a, b = getattr(first.spent, entry.name), getattr(second.spent, entry.name)
        parts.append((abs(a - b), a - b, WORDS[entry.name]))
    whole = max(first.spent.total, second.spent.total)
    parts = [part for part in sorted(parts, reverse=True) if part[0] > 0.01 * whole][:2]
    told = [f"{size:,.0f} device-seconds {'more' if by > 0 else 'less'} of {word}" for size, by, word in parts]
    queue = second.figures["queue_mean"] - first.figures["queue_mean"]
    if abs(queue) > QUEUE * first.figures["e2e_mean"]:
        told.append(f"{abs(queue):.2g} s {'less' if queue > 0 else 'more'} in the queue")
    return f"It spends {', '.join(told)}." if told else "Both spend their time alike."


def limits(plan: Plan) -> str:
    """Return the limits of a plan in words."""
    return " and ".join(f"{name} {side} {bound:g}" for name, side, bound in plan.limits) or "all limits"


def shown(value: float, unit: str) -> str:
    """Return a figure with its unit; shares in percent.

    >>> shown(0.25, "share"), shown(1234.5, "tokens/s")
    ('25%', '1,234 tokens/s')
    """
    if unit == "share":
        return f"{value:.0%}"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}") + (f" {unit}" if unit else "")
