"""The exams of the rooms of a function platform: what a keep-alive, delay, pool, route, chain or workload promises.

Each takes an object, serves small workloads, and raises `AssertionError` with a sentence that says which promise is
broken. A compiled verb is also run as plain Python and must decide alike.

>>> from evenly.balance.keepalives.fixed import Fixed
>>> check_keepalive(Fixed(30.0))
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.balance.keepalives import KeepAlive
from evenly.balance.keepalives.fixed import Fixed
from evenly.cluster.functions.calls import Calls, Functions
from evenly.cluster.functions.chains import Chain
from evenly.cluster.functions.delays import Delay
from evenly.cluster.functions.pools import Pool
from evenly.cluster.functions.results import lives
from evenly.cluster.functions.routes import Route
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads import Workload
from evenly.core import Floats, Ints
from evenly.kernel.bridge import is_compiled, memory_of
from evenly.kernel.functions.simulation import Run

SPAN = 3600.0
EXACT = 1e-6  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class _Plain:
    """A policy as plain Python, whose answers are looked at."""

    policy: Any

    def memory(self, seed: int, functions: int) -> Floats:
        return memory_of(self.policy, seed, functions)

    def _ask(self, verb: str, *values: Any) -> float:
        seen = [v.view(np.recarray) if isinstance(v, np.ndarray) and v.dtype.names else v for v in values]
        bound = getattr(type(self.policy), verb) if is_compiled(self.policy, verb) else getattr(self.policy, verb)
        answer = float(bound(*(seen if is_compiled(self.policy, verb) else values)))
        assert not math.isnan(answer), f"{verb} returns NaN"
        return answer

    def keep(self, now: float, function: int, served: int, functions: Any, gaps: Any, memory: Any) -> float:
        return self._ask("keep", now, function, served, functions, gaps, memory)

    def delay(self, now: float, function: int, functions: Any, memory: Any) -> float:
        return self._ask("delay", now, function, functions, memory)

    def size(self, now: float, pool: int, window: int, demand: Any, memory: Any) -> int:
        answer = self._ask("size", now, pool, window, demand, memory)
        assert answer >= 0, f"size returns {answer}; a pool holds at least 0 pods"
        return int(answer)

    def choose(self, now: float, function: int, functions: Any, latency: Any, memory: Any) -> int:
        return int(self._ask("choose", now, function, functions, latency, memory))

    def expect(self, at: float, edge: int, steps: int, edges: Any, delays: Any, functions: Any, memory: Any) -> float:
        answer = self._ask("expect", at, edge, steps, edges, delays, functions, memory)
        assert answer >= at, f"expect returns {answer}, which is before the parent's call, {at}"
        return answer

    def wait(self, now: float, edge: int, edges: Any, delays: Any, functions: Any, memory: Any) -> float:
        return self._ask("wait", now, edge, edges, delays, functions, memory)


@dataclass(frozen=True, slots=True, eq=False)
class _PlainAhead(_Plain):
    """The same, of a keep-alive that starts pods ahead."""

    def warm(self, now: float, function: int, functions: Any, gaps: Any, memory: Any) -> float:
        answer = self._ask("warm", now, function, functions, gaps, memory)
        assert answer >= now, f"warm returns {answer}, which is before now, {now}"
        return answer


def check_keepalive(keep: KeepAlive) -> None:
    """A keep-alive answers with a number, decides alike compiled and plain, and never starts a pod in the past."""
    plain = _PlainAhead(keep) if hasattr(type(keep), "warm") else _Plain(keep)
    _alike(lambda policy: FunctionsScenario(keep=policy), keep, plain)


def check_delay(delay: Delay) -> None:
    """A delay answers with a number and decides alike compiled and plain; no call waits longer than it says."""
    _alike(lambda policy: FunctionsScenario(keep=Fixed(20.0), delay=policy), delay, _Plain(delay))


def check_pool(pool: Pool) -> None:
    """A pool answers with at least 0 and decides alike compiled and plain."""
    _alike(lambda policy: FunctionsScenario(keep=Fixed(20.0), pool=policy), pool, _Plain(pool))


def check_route(route: Route) -> None:
    """A route answers with a row of the function that is called, and decides alike compiled and plain."""
    _alike(lambda policy: FunctionsScenario(keep=Fixed(20.0), route=policy), route, _Plain(route), regions=3)


def check_chain(chain: Chain) -> None:
    """A chain answers with numbers, expects no call before its parent's, and decides alike compiled and plain."""
    _alike(lambda policy: FunctionsScenario(keep=Fixed(20.0), chain=policy), chain, _Plain(chain), chained=True)


def check_workload(workload: Workload) -> None:
    """A workload gives the same calls for a seed, in order, of functions that exist, with cold starts that can be."""
    one, other = workload.draw(3), workload.draw(3)
    for name in ("arrival", "function", "seconds", "parts", "ahead", "parent", "after"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), (
            f"the same seed gives another {name}"
        )
    if len(one):
        assert one.arrival[0] >= 0, "a call comes before the start"
        assert one.arrival[one.roots - 1] <= one.span, "a call comes after the end"
        assert 0 <= one.function.min() <= one.function.max() < len(one.functions), "a call is of no function"
    for name in ("seconds", "parts", "ahead", "after"):
        column = getattr(one, name)
        assert np.isfinite(column).all(), f"{name} is not finite"
        assert (column >= 0).all(), f"{name} is negative"


def served(scenario: FunctionsScenario, calls: Calls) -> Run:
    """Return a run after a look at what always holds: no pod is crowded, nothing is lost, time adds up."""
    run = scenario.simulate(calls)
    start, end, seconds = (run.calls[name] for name in ("start", "end", "seconds"))
    assert np.isfinite(end).all(), "a call was never served"
    assert (start >= run.calls["arrival"]).all(), "a call ran before it came"
    assert (end - start >= seconds - EXACT).all(), "a call ran for less than its seconds"
    crowded = (end - start) / np.maximum(seconds, EXACT)
    slowest = 1 + scenario.lengthening(calls) * (scenario.concurrency - 1)
    assert (crowded <= slowest + EXACT).all(), "a call ran too slowly"
    assert _most_at_once(run) <= scenario.concurrency, "a pod ran too many calls at once"
    lasted = run.pods["died"] - run.pods["born"]
    assert np.allclose(lasted, sum(lives(run)), atol=EXACT), "a pod's lifetime is not its start, runs and waits"
    return run


def _most_at_once(run: Run) -> int:
    """Return the largest number of calls that a pod ran at one time."""
    pod, start, end = (run.calls[name] for name in ("pod", "start", "end"))
    shorter = np.maximum(end - EXACT, start)
    rows = np.lexsort((np.repeat([1, 0], len(pod)), np.concatenate((start, shorter)), np.tile(pod, 2)))
    steps = np.repeat([1, -1], len(pod))[rows]
    return int(np.cumsum(steps).max(initial=0))  # all calls of a pod end before the rows of the next one


def _alike(
    scenario: Callable[[Any], FunctionsScenario], policy: Any, plain: Any, *, regions: int = 1, chained: bool = False
) -> None:
    for seed in range(2):
        calls = sample(seed, regions=regions, chained=chained)
        ours, theirs = served(scenario(policy), calls), served(scenario(plain), calls)
        assert np.array_equal(ours.calls["start"], theirs.calls["start"]), (
            "compiled, it decides otherwise than in Python"
        )
        assert np.array_equal(ours.pods["died"], theirs.pods["died"]), (
            "compiled, it keeps pods otherwise than in Python"
        )
    for count in (0, 1):
        served(scenario(policy), sample(0, count, regions, chained))


def sample(seed: int, most: int = 200, regions: int = 1, chained: bool = False) -> Calls:
    """Return at most so many calls in an hour: of a clock, of what nobody waits for, and of people.

    With `chained`, each call of the clock makes one of what nobody waits for.
    """
    chance = np.random.default_rng([seed, 35])
    times = [np.arange(10.0, SPAN, 180.0), *(np.sort(chance.random(80) * SPAN) for _ in range(2))]
    function = np.repeat(np.arange(3), [len(one) for one in times])
    order = np.argsort(np.concatenate(times), kind="stable")[:most]
    arrival, function = np.concatenate(times)[order], function[order]
    parent: Ints = np.zeros(0, np.int64)
    if chained:
        ticks = np.flatnonzero(function == 0)
        parent = np.append(np.full(len(order), -1), ticks)
        arrival = np.append(arrival, np.full(len(ticks), np.nan))
        function = np.append(function, np.full(len(ticks), 1))
    code = np.repeat(np.arange(3), regions)
    names = ("TIMER-A", "OBS-A", "APIG-S")
    lead = np.full(len(code), 6.0)
    functions = Functions(
        code, code * 0, code * 0, (code < 2).astype(np.int64), lead, names, ("Python3",), ("300-128",)
    )
    parts, ahead = (chance.exponential(1.0, (len(arrival), regions, 4)) for _ in range(2))
    lasting = chance.exponential([0.1, 30.0, 5.0])[function]
    row = function * regions + chance.integers(0, regions, len(function))
    latency, after = 0.2 * (1.0 - np.eye(regions)), np.full(len(parent), 0.5)
    return Calls(functions, row, arrival, lasting, parts, ahead, SPAN, latency=latency, parent=parent, after=after)
