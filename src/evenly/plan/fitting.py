"""Which plans hold the model and the requests, and what the others lack."""

from collections.abc import Sequence
from dataclasses import dataclass

from evenly.core import Trace
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.plan.candidate import Candidate
from evenly.plan.cost import kv_bytes
from evenly.plan.layout import Layout
from evenly.plan.room import missing
from evenly.plan.scenario import PlanScenario


@dataclass(frozen=True, slots=True)
class Unfit:
    """A plan that cannot serve the trace."""

    title: str
    missing_gb: float
    "GB that each device lacks for its weights and the longest request of the trace."
    untimed: str = ""
    "Why nobody knows how long its passes take; it may fit."


def fitting(base: PlanScenario, found: Sequence[Layout], longest: int) -> tuple[list[Layout], list[Unfit]]:
    """Part layouts into those that can be served, and those that cannot.

    The others do not hold the model and a request of `longest` tokens, or there is no table of their passes.
    """
    architecture, card = model(base.model), device(base.device)
    fit, unfit = [], []
    for layout in found:
        lack = missing(architecture, card, layout, longest, base.utilisation, base.activation)
        if lack > 0:
            unfit.append(Unfit(layout.title, lack))
        elif why := untimed(base, layout):
            unfit.append(Unfit(layout.title, 0.0, why))
        else:
            fit.append(layout)
    return fit, unfit


def untimed(base: PlanScenario, layout: Layout) -> str:
    """Return why there is no table of the passes of a layout; empty if there is one."""
    try:
        base.timing.tables(base.cost, model(base.model), device(base.device), base.node, layout)
    except ValueError as error:
        return str(error)
    return ""


def longest(trace: Trace) -> int:
    """Return the tokens of the longest request."""
    return int((trace.prompt + trace.output).max())


def possible(one: Candidate) -> bool:
    """Tell whether all that waits to be decoded fits on the devices of the prompts."""
    return one.figures["kv_peak"] <= 1


def overflown(one: Candidate) -> Unfit:
    """Return a plan in which more keys and values wait to be decoded than the devices of the prompts hold."""
    part = one.parts[0]
    room = kv_bytes(model(one.scenario.model), part.layout) * part.kv_tokens
    return Unfit(one.title, (one.figures["kv_peak"] - 1) * room / 1e9)


def too_large(base: PlanScenario, devices: int, unfit: Sequence[Unfit]) -> str:
    """Return why a model cannot be served at all, and what to do."""
    if not unfit:
        return f"{base.model} cannot be cut over {devices} devices in machines of {base.node}; take another number"
    if none := [one for one in unfit if one.untimed]:
        return (
            f"no layout of {base.model} on {devices} x {base.device} can be timed; {none[0].title}: {none[0].untimed}"
        )
    least = min(unfit, key=lambda one: one.missing_gb)
    return (
        f"{base.model} does not fit into {devices} x {base.device}: the best layout, {least.title}, lacks "
        f"{least.missing_gb:.1f} GB on each device for weights and the longest request; take more or larger devices"
    )
