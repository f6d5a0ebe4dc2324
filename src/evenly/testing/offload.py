"""The exams of the rooms for experts: what a scheduler, cache, prefetch or routing promises.

Each takes an object and raises `AssertionError` with a sentence that says which promise is broken.

>>> from evenly.offload.schedulers.hybrid import Hybrid
>>> check_scheduler(Hybrid())
"""

import math
from typing import Any

import numpy as np

from evenly.kernel.bridge import memory_of
from evenly.kernel.offload import records
from evenly.kernel.offload.asked import Asked
from evenly.kernel.offload.simulation import hook, replay
from evenly.offload import laws
from evenly.offload.caches import Cache
from evenly.offload.caches.fixed import Fixed
from evenly.offload.caches.least_recent import LeastRecent
from evenly.offload.costs import Costs
from evenly.offload.memory import residents
from evenly.offload.planner import HybridScheduler
from evenly.offload.prefetches import Prefetch
from evenly.offload.prefetches.nothing import Nothing
from evenly.offload.routings import Routing, Shape
from evenly.offload.routings.autoregressive import Autoregressive
from evenly.offload.schedulers import Scheduler
from evenly.offload.schedulers.hybrid import Hybrid

SHAPE = Shape(layers=4, experts=8, active=2)
LAYERS = 24  # random ones that a scheduler plans


def check_scheduler(scheduler: Scheduler) -> None:
    """Every expert is computed once, where it can be; nothing takes no time; the order of the input is free."""
    chance = np.random.default_rng(31)
    plan = HybridScheduler(scheduler).plan
    for k in range(LAYERS):
        loads, cached = laws.drawn(chance, ("decode", "batch", "prefill")[k % 3])
        loads[chance.random(len(loads)) < 0.2] = 0
        costs = Costs(transfer=float(chance.choice([0.1e-3, 0.9e-3, 5e-3])))
        made = plan(loads, cached, costs)
        assert laws.once(made, loads), f"{scheduler}: an expert is computed twice or not at all"
        assert laws.possible(made, loads, cached, costs), f"{scheduler}: a plan that cannot be carried out"
        turned = chance.permutation(len(loads))
        again = plan(loads[turned], cached[turned], costs)
        assert math.isclose(again.makespan, made.makespan, abs_tol=laws.SLACK), f"{scheduler}: order of input matters"
        _same_in_python(scheduler, loads, cached, costs, made.table)
    assert plan(np.zeros(3, np.int64), np.zeros(3, np.bool_), Costs()).makespan == 0, f"{scheduler}: nothing takes time"


def _same_in_python(scheduler: Scheduler, loads: Any, cached: Any, costs: Costs, table: Any) -> None:
    slow = np.empty_like(table)
    type(scheduler).assign(loads, np.where(cached, 0.0, np.inf), 0.0, costs.array(), slow)
    assert np.allclose(slow, table, rtol=0, atol=laws.SLACK, equal_nan=True), (
        f"{scheduler}: compiled it plans otherwise"
    )


def check_cache(cache: Cache) -> None:
    """Values are numbers; the number of experts with a place never changes; who is in use never leaves."""
    touch = hook(cache, "touch", records.TOUCH)
    memory = memory_of(cache, 0, 1)
    for arguments in ((0.0, False, 0, 0.0, 9.0, 1, 5), (0.5, True, 3, 0.2, 0.0, 7, 8), (0.1, False, 1, 0.1, 0.5, 2, 3)):
        value = touch(*arguments, memory)
        assert math.isfinite(value), f"{cache}: a value of {value}"
        slow = type(cache).touch(*arguments, memory)
        assert math.isclose(slow, value, rel_tol=1e-12), f"{cache}: compiled it ranks otherwise"
    first, second = (_run(Hybrid(), cache, Nothing()) for _ in range(2))
    assert np.array_equal(first.sums, second.sums), f"{cache}: the same seed gives another answer"
    moved = first.sums[:, [records.ASKS, records.FILLS]].sum()
    places = first.sums[:, records.EVICTIONS].sum()
    assert places <= moved, f"{cache}: more experts left than came"
    assert cache.moves or places == 0, f"{cache}: nothing moves, yet somebody left"


def check_prefetch(prefetch: Prefetch) -> None:
    """Worth is a number, more gain is never worth less, and whoever looks at no layer brings nothing."""
    worth = hook(prefetch, "worth", records.WORTH)
    memory = memory_of(prefetch, 0, 1)
    assert prefetch.reach >= 0, f"{prefetch}: looks {prefetch.reach} layers ahead"
    for ahead in range(1, prefetch.reach + 1):
        values = [worth(gain, 0.1, ahead, memory) for gain in (0.0, 1e-4, 1e-3)]
        assert np.isfinite(values).all(), f"{prefetch}: worth {values}"
        assert values == sorted(values), f"{prefetch}: more gain is worth less"
    for cache in (Fixed(), LeastRecent()):
        brought = _run(Hybrid(), cache, prefetch).sums[:, records.PREFETCHES].sum()
        assert brought == 0 or prefetch.reach > 0, f"{prefetch}: looks at no layer and brings {brought:g}"


def check_routing(routing: Routing, shape: Shape = SHAPE) -> None:
    """Every token visits as many experts as it shall; scores are probabilities; the same seed draws the same."""
    tokens = np.array([1, 3, 1])
    drawn, again = routing.draw(shape, tokens, 5), routing.draw(shape, tokens, 5)
    size = (len(tokens), shape.layers, shape.experts)
    for array in (drawn.loads, drawn.scores, drawn.guessed, drawn.guess):
        assert array.shape == size, f"{routing}: shape {array.shape}, not {size}"
    visits = drawn.loads.sum(axis=2)
    assert (visits == tokens[:, None] * shape.active).all(), f"{routing}: tokens visit {visits} experts"
    assert (drawn.loads <= tokens[:, None, None]).all(), f"{routing}: a token visits an expert twice"
    assert (drawn.scores >= 0).all(), f"{routing}: a score is below 0"
    assert (drawn.scores <= 1 + 1e-9).all(), f"{routing}: a score is above 1"
    assert np.array_equal(drawn.loads, again.loads), f"{routing}: the same seed draws another routing"


def _run(scheduler: Scheduler, cache: Cache, prefetch: Prefetch) -> Any:
    drawn: Asked = Autoregressive().draw(SHAPE, np.ones(30, np.int64), 1)
    share = (drawn.loads > 0).mean(axis=0)
    begun = residents(share, 0.5, cache.by_layers)
    costs = Costs().array()
    return replay(drawn, SHAPE.active, share, begun, scheduler, cache, prefetch, costs, costs)
