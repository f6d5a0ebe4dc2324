"""Why a variant stays behind another, told from the figures of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from evenly.core import Floats, Outcome
from evenly.measure.slo import Slo, tpot
from evenly.report.units import show

TELLING = 1.5  # a cause tells two variants apart if it is so many times as strong in the one behind
FULL = 0.95  # share of KV blocks in use from which on a prompt seldom finds room
RARE = 0.05  # a limit that a smaller share of requests breaks, above the other variant, explains nothing
PROMPTS_MEAN = "kv mean of the prompts' device"  # a fact of engines that give prompts and decodes a device each
DECODES_MEAN = "kv mean of the decodes' device"
LIMITS = {"ttft": "to the first token", "tpot": "a token", "tbt": "between tokens", "e2e": "in all"}


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that makes requests slow."""

    strength: Callable[[Outcome], float]
    "Grows with the harm; NaN where an outcome does not tell."
    least: float
    "A weaker cause is none."
    text: Callable[[Outcome], str]
    "What is the matter, as a clause."
    counts: bool = False
    "Whether `strength` is a share of requests: then it must reach half of what it is to explain."
    compares: bool = False
    "Whether it says something beside another variant only."
    absolute: bool = False
    "Whether passing `least` is harm enough, however near the other variant is to it."

    def tells(self, behind: Outcome, ahead: Outcome | None, share: float) -> bool:
        """Tell whether the cause is at work in `behind`, clearly less so in `ahead`, for a share of the requests."""
        if ahead is None and self.compares:
            return False
        here = self.strength(behind)
        there = 0.0 if ahead is None else self.strength(ahead)
        enough = max(self.least, share / 2) if self.counts else self.least
        return here >= enough and here >= (1.0 if self.absolute else TELLING) * there


def reason(behind: Outcome, ahead: Outcome | None, judge: str) -> str:
    """Return why `behind` is worse than `ahead` by the figure `judge`, without a full stop; empty if nothing tells.

    `None` for `ahead` asks what holds `behind` back by itself. Shares of requests are those of the first seed.
    """
    if judge in ("goodput", "slo_share"):
        return _broken(behind, ahead)
    longer = ahead is not None and judge == "e2e_mean" and _decodes_longer(behind, ahead)
    causes = {
        "ttft_p99": WAITING,
        "tbt_p99": DECODING,
        "e2e_mean": DECODING if longer else WAITING,
        "brake_time": (OVER,),
    }
    return _cause(behind, ahead, causes.get(judge, IDLING))


def _broken(behind: Outcome, ahead: Outcome | None) -> str:
    """Return the limits that requests break, each with its cause."""
    ours, theirs = broken(behind), broken(ahead) if ahead is not None else {}
    excess = {name: share for name, share in ours.items() if share - theirs.get(name, 0.0) >= RARE}
    limits = Slo.parse(str(behind.facts.get("slo", "")))
    names = sorted(excess, key=lambda name: -excess[name])[:2]
    if not names:
        return _cause(behind, ahead, IDLING) if ahead is not None else ""
    causes = [_cause(behind, ahead, WAITING if name == "ttft" else DECODING, excess[name]) for name in names]
    told = [f" ({cause})" if cause else "" for cause in causes]
    if causes[0] == causes[-1]:
        told[:-1] = [""] * (len(told) - 1)  # said once, at the end
    figures = [f"{show(getattr(limits, name), 's')} {LIMITS[name]}" for name in names]
    said = f"{excess[names[0]]:.0%} of its requests miss the limit of {figures[0]}{told[0]}"
    return said + "".join(
        f" and {excess[name]:.0%} that of {figure}{cause}"
        for name, figure, cause in zip(names[1:], figures[1:], told[1:], strict=True)
    )


def broken(outcome: Outcome) -> dict[str, float]:
    """Return the share of finished requests that break each limit of the SLO in the facts; empty without one."""
    items = outcome.items
    if not {"arrival", "first_token", "finish", "output", "worst_gap"} <= set(items) or "slo" not in outcome.facts:
        return {}
    done = np.isfinite(items["finish"])
    if not done.any():
        return {}
    limits = Slo.parse(str(outcome.facts["slo"]))
    ttft, e2e = _between(outcome, "arrival", "first_token"), _between(outcome, "arrival", "finish")
    output = items["output"][done]
    several = output > 1
    times = {
        "ttft": ttft,
        "tpot": tpot(ttft, e2e, output)[several],
        "tbt": items["worst_gap"][done][several],
        "e2e": e2e,
    }
    given = {limit.name: getattr(limits, limit.name) for limit in fields(Slo)}
    return {name: float((times[name] > limit).sum() / done.sum()) for name, limit in given.items() if limit is not None}


def _cause(behind: Outcome, ahead: Outcome | None, causes: Sequence[Cause], share: float = 0.0) -> str:
    return next((cause.text(behind) for cause in causes if cause.tells(behind, ahead, share)), "")


def _decodes_longer(behind: Outcome, ahead: Outcome) -> bool:
    """Tell whether most of the difference in time lies after the first token."""
    after, before = (
        float(_mean(_between(behind, *part)) - _mean(_between(ahead, *part)))
        for part in (("first_token", "finish"), ("arrival", "first_token"))
    )
    return after > before


def _between(outcome: Outcome, begin: str, end: str) -> Floats:
    """Return seconds from one event to another of each request that finished."""
    if not {begin, end, "finish"} <= set(outcome.items):
        return np.empty(0)
    done = np.isfinite(outcome.items["finish"])
    return np.asarray((outcome.items[end] - outcome.items[begin])[done], np.float64)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _late(begin: str, end: str) -> Callable[[Outcome], float]:
    """Return what gives the 99th percentile of the seconds between two events."""

    def strength(outcome: Outcome) -> float:
        seconds = _between(outcome, begin, end)
        return float(np.quantile(seconds, 0.99)) if len(seconds) else float("nan")

    return strength


def _full(outcome: Outcome) -> float:
    """Return the share of time in which the KV cache is full."""
    kv = outcome.series.get("timeline", {}).get("kv")
    return float(np.mean(kv >= FULL)) if kv is not None and len(kv) else float("nan")


def _preempted(outcome: Outcome) -> float:
    """Return the share of requests that were preempted."""
    times = outcome.items.get("preemptions")
    return float(np.mean(times > 0)) if times is not None and len(times) else float("nan")


def _figure(name: str) -> Callable[[Outcome], float]:
    return lambda outcome: float(outcome.metrics.get(name, float("nan")))


def _stranded(outcome: Outcome) -> float:
    """Return by which share of its blocks the decodes' device is fuller in the mean than the prompts'.

    Nothing is stranded where the decodes' blocks never run out, however uneven the two are.
    """
    if DECODES_MEAN not in outcome.facts or not _figure("kv_peak")(outcome) >= FULL:
        return 0.0
    return float(outcome.facts[DECODES_MEAN]) - float(outcome.facts[PROMPTS_MEAN])


def _jerk(outcome: Outcome) -> float:
    """Return the 99th percentile of the gaps between tokens over their median; NaN where prompts delay no decode."""
    if DECODES_MEAN in outcome.facts:
        return float("nan")
    middle = outcome.metrics.get("tbt_p50", float("nan"))
    return float(outcome.metrics.get("tbt_p99", float("nan")) / middle) if middle > 0 else float("nan")


_waits, _fills = _late("arrival", "start"), _late("start", "first_token")
FULL_CACHE = Cause(_full, 0.05, lambda o: f"its KV cache is full {_full(o):.0%} of the time")
PREEMPTED = Cause(_preempted, 0.02, lambda o: f"{_preempted(o):.0%} of its requests are preempted", counts=True)
MISSES = Cause(
    lambda o: 1 - _figure("cache_share")(o),
    0.1,
    lambda o: f"only {_figure('cache_share')(o):.0%} of its prompt tokens are in the prefix cache",
    compares=True,
)
UNEVEN = Cause(
    lambda o: _figure("imbalance")(o) - 1,
    0.1,
    lambda o: f"its busiest {o.load.worker} works {_figure('imbalance')(o):.2g} times the mean",
)
QUEUES = Cause(_waits, 1e-3, lambda o: f"1% of its requests queue for {show(_waits(o), 's')} or more")
SLOW_FILL = Cause(_fills, 1e-3, lambda o: f"1% of its prompts take {show(_fills(o), 's')} or more once started")
STALLS = Cause(
    _jerk,
    3.0,
    lambda o: (
        f"running requests stall behind prompts: TBT p99 {show(_figure('tbt_p99')(o), 's')}, "
        f"p50 {show(_figure('tbt_p50')(o), 's')}"
    ),
)
SLOW_PASSES = Cause(_figure("tbt_p50"), 1e-6, lambda o: f"its median gap is {show(_figure('tbt_p50')(o), 's')}")
IDLE = Cause(
    _figure("idle_share"),
    0.05,
    lambda o: f"its {o.load.worker}s are idle {_figure('idle_share')(o):.0%} of the time",
)
HOST = Cause(
    lambda o: float(o.facts.get("host share", 0.0)),
    0.2,
    lambda o: f"its device waits {float(o.facts['host share']):.0%} of the time of its passes for the host",
)
COPIES = Cause(
    lambda o: o.metrics.get("switch_stall", 0.0),
    0.05,
    lambda o: f"its device waits {_figure('switch_stall')(o):.0%} of the time of its passes for copies",
)
STRANDED = Cause(
    _stranded,
    0.2,
    lambda o: (
        f"blocks run out on the device of its decodes ({float(o.facts[DECODES_MEAN]):.0%} used in the mean) while "
        f"those on the device of its prompts stand empty ({float(o.facts[PROMPTS_MEAN]):.0%})"
    ),
)
OVER = Cause(
    _figure("peak"), 1.0, lambda o: f"its row draws up to {_figure('peak')(o):.1%} of the budget", absolute=True
)
LONG_STAGE = Cause(
    lambda o: _figure("uneven")(o) - 1,
    0.05,
    lambda o: f"its busiest device computes {_figure('uneven')(o):.3g} times the mean",
)
BUBBLES = Cause(_figure("bubble"), 0.05, lambda o: f"its devices wait {_figure('bubble')(o):.0%} of the time")

WAITING: tuple[Cause, ...] = (MISSES, STRANDED, COPIES, FULL_CACHE, PREEMPTED, UNEVEN, HOST, QUEUES, SLOW_FILL)
DECODING: tuple[Cause, ...] = (MISSES, STRANDED, COPIES, PREEMPTED, STALLS, HOST, SLOW_PASSES)
IDLING: tuple[Cause, ...] = (
    *(MISSES, STRANDED, COPIES, UNEVEN, IDLE, PREEMPTED, FULL_CACHE),
    *(LONG_STAGE, BUBBLES),
)
