"""Lengths of public conversations."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evenly.core import Floats, Ints

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
# Tokens of prompt and output at SHARES; the middle seven are quantiles of the public files, the ends are the least
# length and a continuation of the slope beyond 99%.
TABLES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "sharegpt": ((1, 7, 16, 36, 158, 829, 1625, 3473, 4000), (1, 20, 130, 280, 445, 683, 846, 999, 1040)),
    "lmsys": ((1, 3, 12, 28, 82, 302, 432, 750, 830), (1, 8, 39, 140, 339, 512, 520, 850, 930)),
    "splitwise": ((1, 181, 396, 1020, 1189, 2734, 4083, 4142, 4160), (1, 41, 85, 129, 395, 424, 451, 601, 640)),
    "creation": ((100, 179, 244, 309, 362, 400, 423, 566, 602), (236, 525, 824, 1106, 1450, 1708, 1807, 2341, 2475)),
    "lmsys-short": ((2, 3, 9, 17, 45, 177, 308, 586, 656), (1, 8, 36, 117, 262, 389, 436, 533, 557)),
    "summarization": (
        (1068, 1263, 2040, 3012, 3582, 3924, 4006, 4072, 4089),
        (75, 83, 116, 157, 226, 267, 321, 364, 375),
    ),
}


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Draw prompt and output, each by itself, from the quantiles of a public data set.

    Prompt and output of these sets are almost uncorrelated. ShareGPT: 58,787 rows, LMSYS-Chat-1M: 100,000 rows,
    Splitwise conversation: 19,366 rows. `creation` (512 rows), `lmsys-short` (1,024) and `summarization` (some 1,300,
    straight lines between the published 10%, 50%, 90% and 99%) are the traces of APEX+.

    Reference: Zhu et al., "NanoFlow: towards optimal large language model serving throughput", 2024, uses the first
    three sets; microsoft/apex_plus, 2024, the others.
    """

    data: Literal["sharegpt", "lmsys", "splitwise", "creation", "lmsys-short", "summarization"] = "sharegpt"
    "Which data set."

    def __post_init__(self) -> None:
        if self.data not in TABLES:
            raise ValueError(f"data is one of {', '.join(TABLES)}, not '{self.data}'")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Ints]:
        """Return lengths by the inverse of the distribution function, linear between the quantiles."""
        prompt, output = (
            self._invert(np.array(table, np.float64), chance.random(count)) for table in TABLES[self.data]
        )
        return prompt, output

    def _invert(self, table: Floats, shares: Floats) -> Ints:
        return np.maximum(1, np.rint(np.interp(shares, SHARES, table))).astype(np.int64)
