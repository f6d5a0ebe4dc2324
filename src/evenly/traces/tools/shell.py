"""The commands of a coding agent."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints

# Calls of 100 SWE-smith trajectories by command, in percent. What is left, 2%, are other commands.
SHARES = {"cd": 26, "view": 21, "create": 13, "replace": 12, "submit": 11, "find": 6, "rm": 5, "grep": 4}
# Typical seconds: listing or changing a folder 0.05 to 0.1, a search about 0.5, a test run 15, an installation 30.
# Commands that touch one file are taken to be as quick as listing one; the others to be tests and installations alike.
FILE, SEARCH, TEST, INSTALL = 0.075, 0.5, 15.0, 30.0
SECONDS = {"find": SEARCH, "grep": SEARCH, "test": TEST, "install": INSTALL}


@dataclass(frozen=True, slots=True)
class Shell:
    """Call the shell commands of a coding agent: nine in ten touch a file, one in fifty runs tests or installs.

    Calls of one command are lognormal around its typical time. The shares are those of agents on SWE-smith; which
    commands the last fiftieth are was not published.

    Reference: the public replication of Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling
    with KV cache time-to-live", 2025, counts the commands.
    """

    sigma: float = 0.5
    "Standard deviation of the logarithm of the seconds of one command; 0 makes its calls equally long."

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < float("inf"):
            raise ValueError(f"sigma is at least 0, not {self.sigma}")

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return commands and their seconds; the codes count the commands in the order of their shares."""
        others = (100 - sum(SHARES.values())) / 2
        shares = SHARES | {"test": others, "install": others}
        tool = chance.choice(len(shares), count, p=np.array(list(shares.values())) / 100)
        typical = np.array([SECONDS.get(name, FILE) for name in shares])
        return tool, typical[tool] * np.exp(self.sigma * chance.standard_normal(count))
