"""From what the steps left behind to an outcome."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Array, Floats, Load, Outcome
from evenly.core.catalog import plugin_name
from evenly.train.experts.affinities import Shape
from evenly.train.experts.assignments.top_k import TopK
from evenly.train.experts.regret import fixed_prices, regret
from evenly.train.experts.routing import floor
from evenly.train.experts.simulate import Run

if TYPE_CHECKING:
    from evenly.train.experts.scenario import ExpertsScenario

DEAD = 0.1  # of the mean load
OVER = 10  # steps that MaxVio is averaged over to tell whether it has settled
SAMPLE, SAMPLE_TOKENS = 2_000_000, 64  # scores that the regret looks at, and tokens of a step
POINTS = 400  # of the curve over steps


def outcome(scenario: "ExpertsScenario", run: Run) -> Outcome:
    """Return figures, load of the devices in the last steps, prices, and violation over the steps."""
    found = figures(scenario, run)
    metrics = {m.name: found[m.name] if m.name in found else _regret(scenario, run) for m in scenario.metrics}
    load = Load(_loads(scenario, run).reshape(-1, scenario.devices), unit="tokens", worker="device")
    items = _items(run, run.counts.sum(axis=0))
    return Outcome(scenario.name, metrics, load, items, {"violation": _curve(run)}, facts(scenario))


def figures(scenario: "ExpertsScenario", run: Run) -> dict[str, float]:
    """Return all figures but the regret."""
    shape, steps = scenario.shape, len(run.counts)
    total, choices = run.counts.sum(axis=0), shape.active * shape.tokens
    target = choices / shape.experts
    least = floor(shape.experts, shape.active, target)
    served = float(run.served.mean())
    loads = _loads(scenario, run)
    seconds, busy = _times(scenario, loads)
    return {
        "maxvio_global": float((total.max(axis=1) / (target * steps) - 1.0).mean()),
        "maxvio_batch": float(run.violation[-scenario.window :].mean()),
        "maxvio_device": float((loads.max(axis=2) * scenario.devices / choices - 1.0).mean()),
        "floor": least,
        "settled": settled(run.violation.mean(axis=1), 2.0 * least),
        "dead": float((total < DEAD * target * steps).mean()),
        "dropped": 1.0 - served,
        "without": float(run.without.mean()),
        "score": float(run.kept.mean()),
        "step_time": seconds,
        "waiting": 1.0 - busy / seconds,
        "throughput": shape.tokens * served / seconds,
    }


def _loads(scenario: "ExpertsScenario", run: Run) -> Floats:
    """Return the tokens of each device, shape [step of the window, layer, device]."""
    groups = run.counts.reshape(len(run.counts), scenario.layers, scenario.devices, -1)
    return np.asarray(groups.sum(axis=3), np.float64)


def _times(scenario: "ExpertsScenario", loads: Floats) -> tuple[float, float]:
    """Return the mean seconds of a step, and those in which a device computes."""
    in_expert, other = scenario.costs.seconds()
    even = scenario.layers * scenario.tokens * other / scenario.devices
    slowest, mean = loads.max(axis=2).sum(axis=1).mean(), loads.mean(axis=2).sum(axis=1).mean()
    return float(slowest * in_expert + even), float(mean * in_expert + even)


def settled(curve: Floats, bar: float) -> float:
    """Return the first step from which the mean of ten steps stays below `bar`; NaN if it does not at the end.

    >>> settled(np.array([1.0] * 20 + [0.1] * 20), bar=0.25)
    28.0
    """
    smooth = np.convolve(curve, np.full(OVER, 1.0 / OVER), "valid") if len(curve) >= OVER else curve
    above = np.flatnonzero(smooth >= bar)
    last = int(above[-1]) + 1 if len(above) else 0
    return float("nan") if last == len(smooth) else float(last + min(OVER, len(curve)) - 1)


def _regret(scenario: "ExpertsScenario", run: Run) -> float:
    """Return the regret in the first layer, on a sample of the tokens; NaN where prices do not route alone."""
    if not isinstance(scenario.assignment, TopK):
        return float("nan")
    affinity: Any = scenario.affinity  # frozen, so that it can be a key
    scores, fixed = _sample(affinity, scenario.shape, scenario.steps, scenario.seed)
    steps = np.linspace(0, scenario.steps - 1, len(scores)).astype(np.int64)
    return regret(scores, run.prices[steps, 0], scenario.active, fixed) * scenario.steps / len(scores)


@lru_cache(maxsize=2)
def _sample(affinity: Any, shape: Shape, steps: int, seed: int) -> tuple[Floats, Floats]:
    """Return scores of some tokens of some steps, shape [step, token, expert], and the best fixed prices for them."""
    tokens = min(shape.tokens, SAMPLE_TOKENS)
    many = max(1, min(steps, SAMPLE // (tokens * shape.experts)))
    drawn = [affinity.draw(shape, 0, int(step), seed)[:tokens] for step in np.linspace(0, steps - 1, many)]
    scores = np.ascontiguousarray(drawn)
    return scores, fixed_prices(scores.reshape(-1, shape.experts), shape.active)


def _items(run: Run, total: Array) -> dict[str, Array]:
    """Return a row for each layer and expert: its load over the mean, and its price at the end."""
    layers, experts = run.final.shape
    return {
        "layer": np.repeat(np.arange(layers), experts),
        "number": np.tile(np.arange(experts), layers),
        "share": (total / np.maximum(total.mean(axis=1, keepdims=True), 1e-300)).ravel(),
        "price": (run.final - run.final.mean(axis=1, keepdims=True)).ravel(),
    }


def _curve(run: Run) -> dict[str, Array]:
    """Return MaxVio over the steps, mean over layers, in at most `POINTS` means of neighbours."""
    curve = run.violation.mean(axis=1)
    parts = np.array_split(np.arange(len(curve)), min(POINTS, len(curve)))
    return {
        "time": np.array([float(part[-1] + 1) for part in parts]),
        "maxvio": np.array([float(curve[part].mean()) for part in parts]),
    }


def facts(scenario: "ExpertsScenario") -> dict[str, str | int | float]:
    """Return what the run rests on."""
    in_expert, other = scenario.costs.seconds()
    return {
        "model": scenario.costs.model,
        "device": f"{scenario.devices} x {scenario.costs.device}",
        "experts": f"{scenario.layers} layers of {scenario.experts}, {scenario.active} visited",
        "tokens": scenario.tokens,
        "steps": f"{scenario.steps}, of which the last {scenario.window} count",
        "affinity": str(scenario.affinity),
        "assignment": plugin_name(scenario.assignment),
        "balancer": str(scenario.balancer),
        "level": scenario.level,
        "cost: token in an expert, us": 1e6 * in_expert,
        "cost: token in all else of a layer, us": 1e6 * other,
        "share of an even step in experts": scenario.active * in_expert / (scenario.active * in_expert + other),
        "seed": scenario.seed,
    }
