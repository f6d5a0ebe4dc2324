"""Expert choice."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Bools, Floats


@dataclass(frozen=True, slots=True)
class ExpertChoice:
    """Let every expert take the tokens that score highest for it, as many as the mean load.

    Balance is perfect, but some tokens get many experts and some none, and who is chosen hangs on tokens that come
    later in the text: a bound to compare with, not a router for language models.

    Reference: Zhou et al., "Mixture-of-Experts with Expert Choice Routing", 2022.

    >>> ExpertChoice().assign(np.array([[0.9, 0.5], [0.8, 0.4]]), np.zeros(2), active=1).tolist()
    [[True, True], [False, False]]
    """

    def assign(self, scores: Floats, prices: Floats, active: int) -> Bools:
        """Return the choice of each expert."""
        tokens, experts = scores.shape
        load = min(max(active * tokens // experts, 1), tokens)
        best = np.argsort(-scores, axis=0, kind="stable")[:load]
        taken = np.zeros(scores.shape, np.bool_)
        np.put_along_axis(taken, best, True, axis=0)
        return taken
