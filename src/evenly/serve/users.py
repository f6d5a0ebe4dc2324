"""How users fared: figures in which each of them counts once, however much they send."""

from collections.abc import Mapping

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.measure.fairness import jain, max_min

WINDOW = 10.0  # seconds over which users are compared
CELLS = 4_000_000  # windows x users at most; then windows are longer
ROUNDING = 1e-6  # tokens that sums of many parts may be off by
OUTPUT = 2.0  # prompt tokens that an output token counts for, as in the virtual token counter


def figures(items: Mapping[str, Array]) -> dict[str, float]:
    """Return what is told of users, from the columns of requests."""
    return {"fairness": fairness(items), "fair_share": fair_share(items), "ttft_users": ttft_of_users(items)}


def fairness(items: Mapping[str, Array]) -> float:
    """Return Jain's index of the end-to-end seconds for each output token, by user if the trace names users."""
    done = ~np.isnan(items["finish"])
    pace = ((items["finish"] - items["arrival"]) / np.maximum(items["output"], 1))[done]
    if len(pace) == 0:
        return float("nan")
    user = items["user"][done]
    if user.max() >= 0:
        _, code = np.unique(user, return_inverse=True)
        pace = np.bincount(code, pace) / np.bincount(code)
    return jain(pace)


def ttft_of_users(items: Mapping[str, Array]) -> float:
    """Return the median over users of their mean TTFT, so that one who sends much counts once; NaN without users."""
    known = ~np.isnan(items["first_token"]) & (items["user"] >= 0)
    if not known.any():
        return float("nan")
    _, code = np.unique(items["user"][known], return_inverse=True)
    waits = (items["first_token"] - items["arrival"])[known]
    return float(np.median(np.bincount(code, waits) / np.bincount(code)))


def fair_share(items: Mapping[str, Array], window: float = WINDOW) -> float:
    """Return Jain's index over users of their service over their max-min fair share; NaN without two users.

    Service is prompt tokens when the first token comes, and output tokens, which count twice, evenly from then to the
    last. What a user asks for in a window of time is what arrived until its end and was not served before it; what all
    are given in it would be shared max-min fairly. Windows count by what was given in them, and only if two users ask.

    Reference: Jain, Chiu and Hawe, "A quantitative measure of fairness", 1984, compare allocations to the optimal ones;
    the weights are those of Sheng et al., "Fairness in serving large language models", OSDI 2024.
    """
    known = ~np.isnan(items["finish"]) & (items["user"] >= 0)
    names, user = np.unique(items["user"][known], return_inverse=True)
    if len(names) < 2:
        return float("nan")
    arrival, first, finish = (items[name][known] for name in ("arrival", "first_token", "finish"))
    begin, end = float(arrival.min()), float(finish.max())
    width = max(window, (end - begin) * len(names) / CELLS)
    edges: Floats = begin + width * np.arange(1.0, int((end - begin) / width) + 2)
    prompt, answer = items["prompt"][known].astype(float), OUTPUT * items["output"][known]
    asked = _until(edges, arrival, arrival, prompt + answer, user)
    given = _until(edges, first, first, prompt, user) + _until(edges, first, finish, answer, user)
    before = np.vstack((np.zeros(len(names)), given[:-1]))
    wants = np.where(asked - before > ROUNDING, asked - before, 0.0)
    gets = np.where(given - before > ROUNDING, given - before, 0.0)
    return _mean_index(wants, gets)


def _mean_index(wants: Floats, gets: Floats) -> float:
    total = weighted = 0.0
    for want, get in zip(wants, gets, strict=True):
        asks = want > 0
        served = float(get.sum())
        if asks.sum() > 1 and served > 0:
            total += served
            weighted += served * jain(get[asks] / max_min(want[asks], served))
    return weighted / total if total else float("nan")


def _until(edges: Floats, begin: Floats, end: Floats, amount: Floats, user: Ints) -> Floats:
    """Return, by edge and user, what came until then of amounts that come evenly from `begin` to `end`."""
    users = int(user.max()) + 1
    level, rate = np.zeros((len(edges) + 1, users)), np.zeros((len(edges) + 1, users))
    start, stop = np.searchsorted(edges, begin), np.searchsorted(edges, end)  # the first edge at or after each
    same = start == stop
    np.add.at(level, (stop[same], user[same]), amount[same])
    begin, end, amount, user, start, stop = (x[~same] for x in (begin, end, amount, user, start, stop))
    speed = amount / (end - begin)
    width = edges[1] - edges[0] if len(edges) > 1 else 0.0
    np.add.at(level, (start, user), speed * (edges[start] - begin))
    np.add.at(rate, (start + 1, user), speed * width)
    np.add.at(rate, (stop, user), -speed * width)
    np.add.at(level, (stop, user), speed * (end - edges[stop - 1]))
    return np.cumsum(level + np.cumsum(rate, axis=0), axis=0)[:-1]
