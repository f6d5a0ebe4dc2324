"""What pools and pods started ahead buy on this machine, and whether the simulator counts the same cold starts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.release import Release
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.chains.expected import Expected
from evenly.cluster.functions.published import PARTS
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.hosts.functions.measure import Measured, calls_of, functions_of, measure
from evenly.hosts.functions.runtimes import runtimes
from evenly.kernel.functions.simulation import Policies

ROUNDS = 5  # starts of each kind, of which the median counts
APART = 0.35  # seconds between them
RUN = 0.01  # seconds that a call runs
SCALE = 0.01  # real seconds of a second of the policies: a keep-alive of 60 s lasts 0.6 s
PERIOD, TICKS, CLOCKS = 90.0, 10, 4  # seconds of the policies between ticks, ticks, and functions called by clocks
STEPS, CHAINS, WORK = 3, 7, 0.15  # steps of a chain, how often it runs, seconds that a step runs
KNOWN = 4  # runs of a chain until its steps are expected, and the shortest of their delays is one without a cold start
LEARNED = 4  # ticks of a clock until its next one is expected
AGREE = 10.0  # seconds of the policies by which gaps may differ: 0.1 s, as this machine's own clock is late too
SPARE = 2.0  # factor on the longest start seen, by which a pod is started ahead


def starts(runtime: str, stock: int, packages: bool, rounds: int = ROUNDS) -> Measured:
    """Return cold starts of one runtime one after the other, from scratch (`stock` 0) or from the pool.

    A pool that holds one for each start is never empty, however slowly it fills again.
    """
    functions = functions_of([runtime], timer=False, lead=1.0)
    arrival = np.arange(0.0, rounds) * APART
    none = np.zeros(rounds, np.int64)
    calls = calls_of(functions, arrival, none, np.full(rounds, RUN))
    return measure(calls, Policies(Release()), stock=stock, packages=packages)


def parts_of(measured: Measured) -> dict[str, float]:
    """Return the medians of the parts and of the whole of the cold starts, in seconds.

    `least` is the shortest whole, as other work on a machine only adds.
    `apart` is by which share the sum of the parts differs from the whole, which another clock took, at most.
    """
    parts, whole = measured.calls["parts"], measured.added
    found = {name: float(np.median(parts[:, k])) for k, name in enumerate(PARTS)}
    apart = float(np.median(np.abs(parts.sum(axis=1) - whole) / whole))
    return found | {"total": float(np.median(whole)), "least": float(whole.min()), "apart": apart}


def by_runtime() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Return parts by runtime: from scratch, from the pool, and from the pool with dependencies."""
    kinds = {"scratch": (0, False), "pool": (ROUNDS, False), "dependencies": (ROUNDS, True)}
    return {name: {kind: parts_of(starts(name, *how)) for kind, how in kinds.items()} for name in runtimes()}


def burst(stock: int, calls: int = 4) -> Measured:
    """Return calls of as many Python functions that come at once, twice, with a pool of this size."""
    functions = functions_of(["python"] * calls, timer=False, lead=1.0)
    arrival = np.repeat([0.0, 2.0], calls)
    function = np.tile(np.arange(calls), 2)
    asked = calls_of(functions, arrival, function, np.full(2 * calls, RUN))
    return measure(asked, Policies(Release()), stock=stock)


def ticks(keep: Any, lead: float) -> Measured:
    """Return calls of Python functions by clocks whose period is longer than the keep-alive."""
    functions = functions_of(["python"] * CLOCKS, timer=True, lead=lead)
    arrival = np.add.outer(PERIOD * np.arange(TICKS), PERIOD / CLOCKS * np.arange(CLOCKS)).ravel()
    function = np.tile(np.arange(CLOCKS), TICKS)
    calls = calls_of(functions, arrival, function, np.full(len(arrival), RUN / SCALE))
    return measure(calls, Policies(keep), scale=SCALE)


def chain(policy: Any, lead: float) -> Measured:
    """Return calls of a chain of Python functions that runs again and again, each pod released after its call."""
    functions = functions_of(["python"] * STEPS, timer=False, lead=lead)
    step = np.tile(np.arange(STEPS), CHAINS)
    order = np.argsort(step, kind="stable")  # first steps come first
    arrival = np.where(step == 0, PERIOD * (np.arange(len(step)) // STEPS), np.nan)[order]
    parent = np.arange(len(step)) - CHAINS
    parent[:CHAINS] = -1
    seconds, after = np.full(len(step), WORK / SCALE), np.zeros(len(step))
    calls = calls_of(functions, arrival, step[order], seconds, (parent, after))
    return measure(calls, Policies(Release(), chain=policy), scale=SCALE)


def later_p99(measured: Measured) -> float:
    """Return the p99 of the added seconds of the calls after the first few of each clock."""
    return float(np.quantile(measured.added[LEARNED * CLOCKS :], 0.99))


def simulated_cold(measured: Measured, keep: Any) -> int:
    """Return the cold starts that the simulator counts for the calls that were measured."""
    run = FunctionsScenario(keep=keep).simulate(measured.replayed())
    return int(np.isfinite(run.calls["began"]).sum())


def along() -> dict[str, float]:
    """Return cold starts and mean added seconds of the later steps of a chain, once it is known; real and simulated."""
    longest = float(np.max(starts("python", 0, packages=False, rounds=3).added))
    figures: dict[str, float] = {}
    for name, policy in (("alone", None), ("expected", Expected(patience=100.0))):
        real = chain(policy, SPARE * longest / SCALE)
        late = np.tile(np.arange(CHAINS) >= KNOWN, STEPS) & (real.calls["function"] > 0)
        run = FunctionsScenario(keep=Release(), chain=policy).simulate(real.replayed())
        figures |= {
            f"{name}_added": float(real.added[late].mean()),
            f"{name}_cold": float(real.calls["cold"][late].sum()),
            f"{name}_simulated": float(np.isfinite(run.calls["began"])[late].sum()),
        }
    return figures


def clocks() -> dict[str, float]:
    """Return p99 and cold starts of clocks under a fixed keep-alive and with pods started ahead, real and simulated."""
    longest = float(np.max(starts("python", 0, packages=False, rounds=3).added))
    lead = SPARE * longest / SCALE
    figures: dict[str, float] = {}
    for name, keep in (("fixed", Fixed(60.0)), ("timer", TimerPrewarm(60.0, AGREE))):
        real = ticks(keep, lead)
        figures |= {f"{name}_p99": later_p99(real), f"{name}_cold": float(real.cold)}
        figures |= {f"{name}_simulated": float(simulated_cold(real, keep)), f"{name}_lived": real.lived}
    return figures
