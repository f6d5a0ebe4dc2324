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


@helper
def best(scores: Any, prices: Any, token: int, chosen: Any, values: Any) -> None:
    """Fill in the experts with the highest sums, the highest first; of equal ones the earlier."""
    last = len(chosen) - 1
    for k in range(last + 1):
        values[k] = -np.inf
    for e in range(len(prices)):
        value = scores[token, e] + prices[e]
        if value > values[last]:
            place = last
            while place > 0 and value > values[place - 1]:
                values[place] = values[place - 1]
                chosen[place] = chosen[place - 1]
                place -= 1
            values[place] = value
            chosen[place] = e


@loop(types.float64(TABLE, ROW, COUNTS, COUNTS, ROW))
def tally(scores: Any, prices: Any, counts: Any, chosen: Any, values: Any) -> float:
    """Add the tokens of each expert to `counts`; return the sum of the scores of those chosen."""
    total = 0.0
    for token in range(len(scores)):
        best(scores, prices, token, chosen, values)
        for k in range(len(chosen)):
            counts[chosen[k]] += 1
            total += scores[token, chosen[k]]
    return total


@loop(types.int64(TABLE, ROW, FLAGS, COUNTS, ROW))
def mark(scores: Any, prices: Any, taken: Any, chosen: Any, values: Any) -> int:
    """Set the flags of the experts that each token chooses; return how many."""
    for token in range(len(scores)):
        best(scores, prices, token, chosen, values)
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
        best(scores, prices, token, chosen, values)
        for e in range(len(prices)):
            margins[token, e] = scores[token, e] - values[last - 1]
        for k in range(last):
            margins[token, chosen[k]] = scores[token, chosen[k]] - values[last]
    return len(scores) * len(prices)
