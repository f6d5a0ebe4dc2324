"""Which experts tokens choose: those with the highest score plus price.

Tables have shape [token, expert]. `chosen` and `values` are room for the experts of one token and their sums.
"""

from typing import Any

import numpy as np
from numba import types

from evenly.kernel.compiling import helper, loop

TABLE = types.float64[:, ::1]
ROW = types.float64[::1]
COUNTS = types.int64[::1]
FLAGS = types.boolean[:, ::1]
PICKS = types.int64[:, ::1]


@helper
def best(scores: Any, prices: Any, chosen: Any, values: Any) -> None:
    """Fill in the experts of a token with the highest sums, the highest first; of equal ones the earlier."""
    last = len(chosen) - 1
    for k in range(len(chosen)):
        values[k] = -np.inf
    bar = -np.inf
    for e in range(len(prices)):
        value = scores[e] + prices[e]
        if value > bar:
            place = last
            while place > 0 and value > values[place - 1]:
                values[place] = values[place - 1]
                chosen[place] = chosen[place - 1]
                place -= 1
            values[place] = value
            chosen[place] = e
            bar = values[last]


@loop(types.float64(TABLE, ROW, COUNTS, COUNTS, ROW))
def tally(scores: Any, prices: Any, counts: Any, chosen: Any, values: Any) -> float:
    """Add the tokens of each expert to `counts`; return the sum of the scores of those chosen."""
    total = 0.0
    for token in range(len(scores)):
        best(scores[token], prices, chosen, values)
        for k in range(len(chosen)):
            counts[chosen[k]] += 1
            total += scores[token, chosen[k]]
    return total


@loop(types.float64(TABLE, ROW, types.float64, ROW, PICKS, COUNTS, COUNTS, ROW))
def retally(
    scores: Any, prices: Any, moved: float, due: Any, picks: Any, counts: Any, chosen: Any, values: Any
) -> float:
    """Bring `counts` up to date for tokens that stay; return the sum of the scores of those chosen.

    `moved` adds up, over all changes of prices so far, by how much one price moved against another at most. A choice
    holds until that exceeds the gap between the last expert chosen and the first that is not: until `due`, by token.
    `picks`, shape [token, chosen], holds the choices, -1 before the first; `chosen` has room for one expert more.
    """
    active = picks.shape[1]
    total = 0.0
    for token in range(len(scores)):
        if due[token] <= moved:
            best(scores[token], prices, chosen, values)
            due[token] = moved + (values[active - 1] - values[active])
            for k in range(active):
                if picks[token, k] >= 0:
                    counts[picks[token, k]] -= 1
                picks[token, k] = chosen[k]
                counts[chosen[k]] += 1
        for k in range(active):
            total += scores[token, picks[token, k]]
    return total


@loop(types.int64(TABLE, ROW, FLAGS, COUNTS, ROW))
def mark(scores: Any, prices: Any, taken: Any, chosen: Any, values: Any) -> int:
    """Set the flags of the experts that each token chooses; return how many."""
    for token in range(len(scores)):
        best(scores[token], prices, chosen, values)
        for k in range(len(chosen)):
            taken[token, chosen[k]] = True
    return len(scores) * len(chosen)


@loop(types.int64(TABLE, ROW, TABLE, COUNTS, ROW))
def margin(scores: Any, prices: Any, margins: Any, chosen: Any, values: Any) -> int:
    """Fill in by how much a score exceeds what it would have to reach, without a price of its own, to be chosen.

    `chosen` has room for one expert more than a token visits. Returns the number of margins.
    """
    last = len(chosen) - 1
    for token in range(len(scores)):
        best(scores[token], prices, chosen, values)
        for e in range(len(prices)):
            margins[token, e] = scores[token, e] - values[last - 1]
        for k in range(last):
            margins[token, chosen[k]] = scores[token, chosen[k]] - values[last]
    return len(scores) * len(prices)
