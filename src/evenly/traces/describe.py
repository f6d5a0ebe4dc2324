"""How uneven a trace is, in tables: bursts, lengths, concentration, sessions, failures, shared prefixes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenly.core import Array, Bools, Floats, Ints, Load, Trace
from evenly.measure.association import spearman
from evenly.measure.burstiness import (
    MOST_WINDOWS,
    dispersion,
    gamma_fit,
    gap_variation,
    gaps,
    spread,
    tick,
    window_sums,
)
from evenly.measure.concentration import gini, top_share
from evenly.measure.imbalance import peak_over_mean, saving
from evenly.measure.quantiles import quantiles
from evenly.measure.reuse import reuse

WINDOWS = (1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
"Windows of the tables by time scale, in seconds: 1 s to 1 day."
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
"Quantiles of the table of lengths."
REPEATED = 10  # a text column names a group if a label stands for so many requests on average
UNITS: Mapping[str, str] = {
    "span": "s",
    "rate": "req/s",
    "window": "s",
    "mean_gap": "s",
    "gamma_scale": "s",
    "tick": "s",
    "median_pause": "s",
    "simultaneous_arrivals": "share",
    "share": "share",
    "idle_requests": "share",
    "idle_tokens": "share",
    "heaviest": "share",
    "top_1_percent": "share",
    "top_10_percent": "share",
    "requests_in_sessions": "share",
    "single_turn": "share",
    "waiting": "share",
    "known_blocks": "share",
    "known_tokens": "share",
    "requests_that_share": "share",
}
"Unit of a figure or column by its name: `s`, `req/s`, `share`; others are counts, tokens or pure numbers."


def describe(trace: Trace) -> dict[str, Any]:
    """Return tables by name: a dict of figures, or a list of rows.

    Arrivals and prefixes count every request; lengths, tokens and concentration only those that did not fail. Arrivals
    of a coarse clock are spread over its tick, and windows below the tick left out. A table whose columns the trace
    lacks is absent; a figure without a meaning is NaN or `None`.

    >>> trace = Trace(arrival=np.array([0.0, 1.5, 3.0]), prompt=np.array([100, 20, 60]), output=np.array([5, 7, 9]))
    >>> found = describe(trace)
    >>> sorted(found), found["trace"]["requests"], found["arrivals"]["gap_variation"]
    (['arrivals', 'balance', 'bursts', 'concentration', 'lengths', 'trace'], 3, 0.0)
    """
    served = ~trace.failed if trace.failed is not None else np.ones(len(trace), bool)
    tokens = np.where(served, trace.tokens, 0).astype(np.float64)
    found: dict[str, Any] = {"trace": _trace(trace, served)}
    if trace.span > 0:
        found["arrivals"] = _arrivals(trace.arrival)
    fine, least = spread(trace.arrival), max(tick(trace.arrival), trace.span / MOST_WINDOWS)
    windows = [window for window in WINDOWS if least <= window <= trace.span / 2]
    if windows:
        found["bursts"] = [_burst(fine, window) for window in windows]
        found["balance"] = [_balance(fine, tokens, window) for window in windows]
    if served.any():
        found["lengths"] = _lengths(trace, served)
        found["concentration"] = _concentration(trace, served)
    optional = {"sessions": _sessions(trace), "failures": _failures(trace), "prefix_sharing": _sharing(trace)}
    return found | {name: table for name, table in optional.items() if table is not None}


def holdings(trace: Trace) -> dict[str, Ints]:
    """Return the holders of requests that a trace names, with the code of each request's holder, -1 for none.

    Users, sessions, and every column of text whose labels stand for ten requests and more.
    """
    named = {"users": trace.user, "sessions": trace.session}
    held = {name: column for name, column in named.items() if column is not None}
    for name, column in trace.extra.items():
        if column.dtype.kind == "U" and name not in held:
            codes = _label_codes(column)
            if int(codes.max(initial=-1)) + 1 <= len(trace) // REPEATED:
                held[name] = codes
    return {name: codes for name, codes in held.items() if len(_sums(codes, None)) > 1}


def tokens_by_holder(trace: Trace) -> dict[str, Floats]:
    """Return the tokens that each holder asked for: each request, and each user, session and group by name."""
    served = ~trace.failed if trace.failed is not None else np.ones(len(trace), bool)
    tokens = trace.tokens.astype(np.float64)
    held = {name: codes[served] for name, codes in holdings(trace).items()}
    return {"requests": tokens[served]} | {name: _sums(codes, tokens[served]) for name, codes in held.items()}


def _trace(trace: Trace, served: Bools) -> dict[str, Any]:
    prompt, output = trace.prompt[served], trace.output[served]
    return {
        "origin": trace.origin,
        "requests": len(trace),
        "span": trace.span,
        "rate": len(trace) / trace.span if trace.span > 0 else float("nan"),
        "prompt_tokens": int(prompt.sum()),
        "output_tokens": int(output.sum()),
        "prompt_output_rank_correlation": spearman(prompt, output),
    }


def _arrivals(arrival: Floats) -> dict[str, Any]:
    fine = spread(arrival)
    between = gaps(fine)
    fit = gamma_fit(between)
    return {
        "mean_gap": float(between.mean()),
        "gap_variation": gap_variation(fine),
        "gamma_shape": fit.shape,
        "gamma_scale": fit.scale,
        "simultaneous_arrivals": float((gaps(arrival) == 0).mean()),
        "tick": tick(arrival) or None,
    }


def _burst(arrival: Floats, window: float) -> dict[str, Any]:
    counts = window_sums(arrival, window)
    return {
        "window": window,
        "windows": len(counts),
        "mean": float(counts.mean()),
        "peak": int(counts.max()),
        "peak_over_mean": peak_over_mean(_over_time(counts)),
        "dispersion": dispersion(arrival, window),
    }


def _balance(arrival: Floats, tokens: Floats, window: float) -> dict[str, Any]:
    requests, work = _over_time(window_sums(arrival, window)), _over_time(window_sums(arrival, window, tokens))
    return {
        "window": window,
        "requests_peak_over_mean": peak_over_mean(requests),
        "idle_requests": saving(requests).share,
        "tokens_peak_over_mean": peak_over_mean(work),
        "idle_tokens": saving(work).share,
    }


def _over_time(work: Floats) -> Load:
    """Return a load in which each window is a worker: to even it out is to serve the same work at a constant rate."""
    return Load(work[None, :], worker="window")


def _lengths(trace: Trace, served: Bools) -> list[dict[str, Any]]:
    rows = []
    for name, column in (("prompt", trace.prompt), ("output", trace.output), ("both", trace.tokens)):
        known = column[served].astype(np.float64)
        marks = quantiles(known, np.array(SHARES))
        mean = float(known.mean())
        row: dict[str, Any] = {"tokens": name, "mean": mean, "variation": float(known.std()) / mean if mean else None}
        row |= {f"p{share * 100:.0f}": float(mark) for share, mark in zip(SHARES, marks, strict=True)}
        rows.append(row | {"max": int(known.max()), "gini": gini(known)})
    return rows


def _concentration(trace: Trace, served: Bools) -> list[dict[str, Any]]:
    tokens = trace.tokens[served].astype(np.float64)
    rows = [_holders("requests", None, tokens)]
    for name, codes in holdings(trace).items():
        own = codes[served]
        if (own >= 0).any():
            rows.append(_holders(name, _sums(own, None), _sums(own, tokens)))
    return rows


def _holders(name: str, requests: Floats | None, tokens: Floats) -> dict[str, Any]:
    count, total = len(tokens), float(tokens.sum())
    return {
        "holders": name,
        "count": count,
        "heaviest": float(tokens.max()) / total if total else None,
        "top_1_percent": top_share(tokens, 0.01) if count >= 100 else None,
        "top_10_percent": top_share(tokens, 0.1) if count >= 10 else None,
        "gini_of_requests": gini(requests) if requests is not None else None,
        "gini_of_tokens": gini(tokens),
    }


def _sessions(trace: Trace) -> dict[str, Any] | None:
    if trace.session is None or not (trace.session >= 0).any():
        return None
    turns = _sums(trace.session, None)
    middle, tail = quantiles(turns, np.array([0.5, 0.99]))
    found = {
        "sessions": len(turns),
        "requests_in_sessions": float((trace.session >= 0).mean()),
        "single_turn": float((turns == 1).mean()),
        "turns_mean": float(turns.mean()),
        "turns_p50": float(middle),
        "turns_p99": float(tail),
        "turns_max": int(turns.max()),
    }
    if trace.after is not None and trace.pause is not None and (trace.after >= 0).any():
        waiting = trace.after >= 0
        found |= {"waiting": float(waiting.mean()), "median_pause": float(np.median(trace.pause[waiting]))}
    return found


def _failures(trace: Trace) -> dict[str, Any] | None:
    if trace.failed is None or not trace.failed.any():
        return None
    return {
        "failed": int(trace.failed.sum()),
        "share": float(trace.failed.mean()),
        "prompt_tokens_of_failed": int(trace.prompt[trace.failed].sum()),
    }


def _sharing(trace: Trace) -> dict[str, Any] | None:
    found = reuse(trace)
    if found is None or trace.prefixes is None:
        return None
    return {
        "block_tokens": trace.prefixes.block,
        "known_blocks": found.blocks,
        "known_tokens": found.tokens,
        "requests_that_share": found.requests,
        "distinct_blocks": found.distinct,
    }


def _sums(codes: Ints, weights: Floats | None) -> Floats:
    """Return the requests, or the sum of their weights, of each code that occurs; codes below 0 are nobody."""
    known = codes >= 0
    if not known.all():
        codes, weights = codes[known], weights[known] if weights is not None else None
    if len(codes) and int(codes.max()) > 4 * len(codes):
        codes = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(codes)
    return np.asarray(np.bincount(codes, weights)[counts > 0], np.float64)


def _label_codes(column: Array) -> Ints:
    """Return a code for each text, -1 for an empty one.

    Texts are compared by a hash of 64 bits: to sort millions of them as texts takes ten times as long.
    """
    letters = np.ascontiguousarray(column).view(np.uint32).reshape(len(column), -1)
    value = np.zeros(len(column), np.uint64)
    for place in range(letters.shape[1]):
        value = (value ^ letters[:, place]) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
    codes: Ints = np.unique(value, return_inverse=True)[1].astype(np.int64)
    empty = value == 0
    return np.where(empty, -1, codes - int(empty.any()))
