"""Why one plan beats another, in a sentence."""

from dataclasses import fields, replace

from evenly.plan.candidate import Candidate
from evenly.plan.metrics import METRICS
from evenly.plan.search import Plan
from evenly.plan.spent import Spent, total

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
    return f"{lead(plan, first, others[0])} {difference(first, others[0], plan.objective)}"


def lead(plan: Plan, first: Candidate, second: Candidate) -> str:
    """Return by how much the first plan is better."""
    metric = UNITS[plan.objective]
    a, b = first.figures[metric.name], second.figures[metric.name]
    said = f"{metric.title} {shown(a, metric.unit)} against {shown(b, metric.unit)}"
    if metric.name != "e2e_mean" and (a == b or abs(a - b) < 0.01 * abs(b)):
        e2e = f"{first.figures['e2e_mean']:.3g} against {second.figures['e2e_mean']:.3g} s"
        return f"{first.title} is as good as {second.title} in {metric.title} and answers sooner: {e2e}."
    return f"{first.title} beats {second.title}: {said}."


def difference(first: Candidate, second: Candidate, objective: str) -> str:
    """Return the largest differences in what the time of a token, or else of the devices, is spent on.

    Where an answer's time decides, it is the mean time of an output token that is parted, else device-seconds.
    """
    answer = UNITS[objective].unit == "s"
    ours, theirs = (token(one) if answer else one.spent for one in (first, second))
    parts = []
    for entry in fields(Spent):
        by = getattr(ours, entry.name) - getattr(theirs, entry.name)
        parts.append((abs(by), by, WORDS[entry.name]))
    whole = max(ours.total, theirs.total)
    parts = [part for part in sorted(parts, reverse=True) if part[0] > 0.01 * whole][:2]
    told = [f"{amount(size, answer)} {'more' if by > 0 else 'less'} of {word}" for size, by, word in parts]
    queue = second.figures["queue_mean"] - first.figures["queue_mean"]
    if abs(queue) > QUEUE * first.figures["e2e_mean"]:
        told.append(f"{abs(queue):.2g} s {'less' if queue > 0 else 'more'} in the queue")
    of = " for an output token" if answer and parts else ""
    return f"It spends {', '.join(told)}{of}." if told else "Both spend their time alike."


def token(one: Candidate) -> Spent:
    """Return what the mean time of an output token is spent on, in seconds.

    Copies without requests are left out, and so are devices for prompts alone.
    """
    busy = replace(total(part.spent for part in one.decoding), idle=0.0)
    return busy.times(one.figures["tpot_mean"] / busy.total) if busy.total else busy


def amount(seconds: float, answer: bool) -> str:
    """Return a difference: milliseconds of an answer, or device-seconds.

    >>> amount(0.0013, True), amount(265.2, False)
    ('1.3 ms', '265 device-seconds')
    """
    return f"{1000 * seconds:.2g} ms" if answer else f"{seconds:,.0f} device-seconds"


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
