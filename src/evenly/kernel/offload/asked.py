"""What the passes of a run ask for; imported without the loops, which compile."""

from dataclasses import dataclass
from functools import lru_cache

from evenly.core import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Which experts the passes ask for; arrays of shape [pass, layer, expert]."""

    loads: Ints
    "Tokens."
    scores: Floats
    "Probability in the router, the mean over the tokens."
    guessed: Ints
    "Tokens as predicted from layers before."
    guess: Floats
    "Probabilities as predicted."

    @lru_cache(maxsize=4)  # noqa: B019 variants share what is asked for
    def part(self, first: int, last: int) -> "Asked":
        """Return the passes from `first` to before `last`."""
        chosen = slice(first, last)
        return Asked(self.loads[chosen], self.scores[chosen], self.guessed[chosen], self.guess[chosen])
