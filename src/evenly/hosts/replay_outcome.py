"""A replay as an outcome: the same columns, figures and time lines as a simulated run, as far as a client sees them.

A client sees neither passes nor blocks: what only the engine knows is NaN, or -1 in whole numbers. A request counts
as waiting until its first token comes, and as running from then on; the server counts as busy while any is in flight.
"""

import math
from collections.abc import Mapping

import numpy as np

from evenly.core import Array, Floats, Load, Outcome
from evenly.core.programs import programs
from evenly.hosts.replay import Replayed
from evenly.measure.imbalance import idle_share
from evenly.measure.slo import Slo, tpot
from evenly.serve import users
from evenly.serve.metrics import METRICS
from evenly.serve.results import GAP_POINTS, job_figures, latencies, level, makespan, rates

BINS = 200  # of the time line
NONE = -1

Facts = Mapping[str, str | int | float]


def outcome(found: Replayed, label: str, slo: Slo, facts: Facts) -> Outcome:
    """Return the outcome of a replay; `facts` say what was replayed, the rest is added here.

    Latencies count from when a request was sent: how late the client was is among the facts.
    """
    items = columns(found)
    gaps = found.gaps
    shares = np.array([0.5, 0.99])
    middle, tail = np.quantile(gaps, shares) if len(gaps) else np.full(2, np.nan)
    known = latencies(items) | job_figures(items) | rates(slo, items)
    known |= {"tbt_p50": float(middle), "tbt_p99": float(tail)}
    known |= users.figures(items) | {"cache_share": _cached(found)}
    width, steps = _bins(items)
    busy = busy_seconds(items["arrival"], items["finish"], width, steps)
    load = Load(busy[:, None], np.full(steps, width), unit="busy seconds", worker="server")
    known["idle_share"] = idle_share(load)
    metrics = {metric.name: known.get(metric.name, math.nan) for metric in METRICS}
    series = {
        "timeline": _timeline(items, _tokens(found, width, steps), busy / width, width),
        "gaps": _curve(gaps),
        "pieces": _pieces(found),
    }
    return Outcome(label, metrics, load, items, series, dict(facts) | {"slo": str(slo)} | _facts(found))


def columns(found: Replayed) -> dict[str, Array]:
    """Return the per-request columns; a request that was not sent arrives when it was due, at the latest at the end."""
    trace, count = found.trace, len(found.due)
    sent = ~np.isnan(found.sent)
    none = np.full(count, NONE, np.int64)
    done = ~np.isnan(found.finish)
    last = np.nanmax(np.concatenate((found.sent, found.finish, [0.0])))
    items: dict[str, Array] = {
        "arrival": np.where(sent, found.sent, np.where(np.isnan(found.due), last, found.due)),
        "start": np.full(count, np.nan),
        "first_token": found.first_token,
        "finish": found.finish,
        "prompt": trace.prompt,
        "output": np.where(done, found.output, trace.output),
        "cached": found.cached,
        "preemptions": none,
        "replica": np.where(sent, 0, NONE),
        "user": none if trace.user is None else trace.user,
        "session": none if trace.session is None else trace.session,
        "program": programs(trace),
        "worst_gap": worst_gaps(found.pieces, found.offsets),
        "error": np.array(found.error, object),
    }
    items["tpot"] = tpot(items["first_token"], items["finish"], items["output"])
    return items


def worst_gaps(pieces: Floats, offsets: Array) -> Floats:
    """Return the longest gap of each request, 0 where an answer came in one piece.

    >>> worst_gaps(np.array([1.0, 1.5, 3.0, 9.0]), np.array([0, 3, 3, 4]))
    array([1.5, 0. , 0. ])
    """
    worst = np.zeros(len(offsets) - 1)
    sizes = np.diff(offsets)
    several = sizes > 1
    if several.any():
        owner = np.repeat(np.arange(len(sizes)), sizes)
        inner = owner[1:] == owner[:-1]
        np.maximum.at(worst, owner[1:][inner], np.diff(pieces)[inner])
    return worst


def _cached(found: Replayed) -> float:
    """Return the share of the prompts that the server found in its cache, if it tells; NaN if it does not."""
    told = found.cached >= 0
    return float(found.cached[told].sum() / found.trace.prompt[told].sum()) if told.any() else math.nan


def _bins(items: Mapping[str, Array]) -> tuple[float, int]:
    """Return the width of a bin of the time line in seconds, and how many there are from 0 to the last token."""
    seconds = makespan(items)
    if not seconds > 0:
        return 1.0, 1
    return float(np.nanmax(items["finish"])) / BINS, BINS


def _tokens(found: Replayed, width: float, steps: int) -> Floats:
    """Return tokens a second by bin; a piece of an answer counts for as many tokens as its request's mean."""
    sizes = np.diff(found.offsets)
    share = np.repeat(found.output / np.maximum(sizes, 1), sizes)
    place = np.clip(found.pieces / width, 0, steps - 1).astype(np.int64)
    return np.asarray(np.bincount(place, share, minlength=steps) / width)


def busy_seconds(begin: Floats, end: Floats, width: float, steps: int) -> Floats:
    """Return for each bin the seconds in which at least one request is between `begin` and `end`; NaN is never.

    >>> busy_seconds(np.array([0.5, 0.8, 2.0]), np.array([1.0, 1.5, 2.25]), width=1.0, steps=3)
    array([0.5 , 0.5 , 0.25])
    """
    known = np.isfinite(end)
    order = np.argsort(begin[known], kind="stable")
    begin, end = begin[known][order], np.maximum.accumulate(end[known][order])
    if len(begin) == 0:
        return np.zeros(steps)
    apart = np.append(True, begin[1:] > end[:-1])  # where a stretch of work begins
    begin, end = begin[apart], end[np.append(apart[1:], True)]
    done = np.cumsum(end - begin)
    moments, work = np.stack((begin, end), 1).ravel(), np.stack((np.append(0.0, done[:-1]), done), 1).ravel()
    return np.asarray(np.minimum(np.diff(np.interp(np.arange(steps + 1) * width, moments, work)), width))


def _timeline(items: Mapping[str, Array], tokens: Floats, busy: Floats, width: float) -> dict[str, Array]:
    steps = len(tokens)
    done = np.isfinite(items["finish"])
    arrival, first = (np.where(done, items[name], np.nan) for name in ("arrival", "first_token"))
    running = level(first, items["finish"], width, steps)
    return {
        "time": (np.arange(steps) + 1) * width,
        "waiting": level(arrival, first, width, steps),
        "running": running,
        "kv": np.full(steps, np.nan),
        "busy": busy,
        "batch": running,
        "tokens": tokens,
    }


def _curve(gaps: Floats) -> dict[str, Array]:
    shares = np.linspace(0.0, 1.0, GAP_POINTS)
    return {"q": shares, "seconds": np.quantile(gaps, shares) if len(gaps) else np.full(len(shares), np.nan)}


def _pieces(found: Replayed) -> dict[str, Array]:
    owner = np.repeat(np.arange(len(found.due)), np.diff(found.offsets))
    return {"time": found.pieces, "request": owner.astype(np.int32)}


def _facts(found: Replayed) -> dict[str, str | int | float]:
    """Return what a reader of the figures must know of the replay."""
    figures, wrong = found.figures(), found.mismatches()
    done = int((~np.isnan(found.finish)).sum())
    facts: dict[str, str | int | float] = {
        "model": found.model,
        "requests": len(found.due),
        "sent": int(figures["sent"]),
        "failed": len(found.due) - done,
        "client lag p50": figures["lag_p50"],
        "client lag p99": figures["lag_p99"],
        "client lag worst": figures["lag_max"],
        "prompts of another length": wrong["prompt"],
        "answers of another length": wrong["output"],
        "pieces of several tokens": int(np.maximum(found.output - np.diff(found.offsets), 0).sum()),
    }
    if (turns := found.follows[~np.isnan(found.sent)] >= 0).any():
        told = int((found.follows == 1).sum())
        facts["turns that hold the former answer"] = f"{told} of {int(turns.sum())}"
    if found.incomplete:
        facts["incomplete"] = found.incomplete
    return facts
