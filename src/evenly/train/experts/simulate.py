"""Step after step: scores, choices, loads, prices."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Floats, Ints
from evenly.core.scenario import Progress, silent
from evenly.train.experts.balancers import Seen
from evenly.train.experts.routing import by_device, routed

if TYPE_CHECKING:
    from evenly.train.experts.scenario import ExpertsScenario


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What every step and layer left behind."""

    violation: Floats
    "MaxVio of the experts, shape [step, layer], over the mean load before anything is dropped."
    prices: Floats
    "That held in each step, shape [step, layer, expert]."
    final: Floats
    "After the last step, shape [layer, expert]."
    counts: Ints
    "Tokens of each expert in the last steps, shape [step of the window, layer, expert]."
    kept: Floats
    "Sum of the scores of who computes, over that of who is liked best, in the last steps."
    without: Floats
    "Share of the tokens that no expert computes, in the last steps."
    served: Floats
    "Part of its experts that a token gets, mean of tokens: what more than those compute does not count."


def simulate(scenario: "ExpertsScenario", progress: Progress = silent) -> Run:
    """Return what happens; prices move only on what earlier steps did."""
    shape = scenario.shape
    target = shape.active * shape.tokens / shape.experts
    prices = np.zeros((shape.layers, shape.experts))
    first = scenario.steps - scenario.window
    past = np.empty((scenario.steps, *prices.shape))
    found = np.empty((scenario.steps, shape.layers))
    counts = np.empty((scenario.window, *prices.shape), np.int64)
    kept, without, served = (np.empty((scenario.window, shape.layers)) for _ in range(3))
    for step in range(scenario.steps):
        past[step] = prices
        for layer in range(shape.layers):
            scores = scenario.affinity.draw(shape, layer, step, scenario.seed)
            taken = scenario.assignment.assign(scores, prices[layer], shape.active)
            load = np.count_nonzero(taken, axis=0).astype(np.int64)
            found[step, layer] = load.max() / target - 1.0
            if step >= first:
                liked = routed(scores, np.zeros(shape.experts), shape.active)[1]
                kept[step - first, layer] = scores[taken].sum() / liked
                got = np.minimum(np.count_nonzero(taken, axis=1), shape.active)
                without[step - first, layer] = (got == 0).mean()
                served[step - first, layer] = got.mean() / shape.active
                counts[step - first, layer] = load
            prices[layer] = _priced(scenario, prices[layer], Seen(load, step + 1, shape.active, scores))
        progress(step + 1, scenario.steps)
    return Run(found, past, prices, counts, kept, without, served)


def _priced(scenario: "ExpertsScenario", prices: Floats, seen: Seen) -> Floats:
    """Return the prices after an update."""
    if scenario.level == "device":
        seen = Seen(by_device(seen.counts, scenario.devices), seen.step)
    moved = scenario.balancer.update(prices, seen)
    return moved - moved.mean() if scenario.centred else moved
