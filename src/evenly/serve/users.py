"""How users fared: figures in which each of them counts once, however much they send."""

from collections.abc import Mapping

import numpy as np

from evenly.core import Array, Floats
from evenly.measure import sharing
from evenly.measure.fairness import jain
from evenly.measure.sharing import until

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
    last; windows of time are weighed as in `measure.sharing`.

    Reference: the weights are those of Sheng et al., "Fairness in serving large language models", OSDI 2024.
    """
    known = ~np.isnan(items["finish"]) & (items["user"] >= 0)
    names, user = np.unique(items["user"][known], return_inverse=True)
    if len(names) < 2:
        return float("nan")
    arrival, first, finish = (items[name][known] for name in ("arrival", "first_token", "finish"))
    begin, end = float(arrival.min()), float(finish.max())
    width = max(window, (end - begin) * len(names) / CELLS)
    edges: Floats = begin + width * np.arange(1.0, int((end - begin) / width) + 2)
    users = len(names)
    prompt, answer = items["prompt"][known].astype(float), OUTPUT * items["output"][known]
    asked = until(edges, arrival, arrival, prompt + answer, user, users)
    given = until(edges, first, first, prompt, user, users) + until(edges, first, finish, answer, user, users)
    return sharing.fair_share(asked, given, ROUNDING)
