"""The exam of the scalers: what a policy that opens and closes replicas promises.

>>> from evenly.balance.scalers.ladder import Ladder
>>> check_scaler(Ladder())
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.balance.keepalives.release import Release
from evenly.balance.scalers import Scaler
from evenly.core import Floats
from evenly.kernel.bridge import is_compiled, memory_of
from evenly.serve.scaling import Scaling
from evenly.testing.serve import serve, workload

REPLICAS = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Plain:
    """A compiled scaler as plain Python."""

    policy: Any

    def memory(self, seed: int, replicas: int) -> Floats:
        return memory_of(self.policy, seed, replicas)

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        return int(type(self.policy).choose(now, p, level, moving, memory))


def check_scaler(scaler: Scaler) -> None:
    """A scaler names levels that exist, decides alike again and as plain Python, and everybody is served."""
    for least in (1, REPLICAS):
        scaling = Scaling(Release(), scaler, least=least, concurrency=4, every=0.2, image=0.0, warm_up=0.3)
        for count in (0, 1, 60):
            run, again = (_run(scaling, count) for _ in range(2))
            assert np.isfinite(run.requests["finish"]).all(), f"{scaler}: requests were never served"
            assert np.array_equal(run.lives.ended, again.lives.ended), f"{scaler}: the same seed decides otherwise"
        if is_compiled(scaler, "choose"):
            plain = Scaling(Release(), _Plain(scaler), least=least, concurrency=4, every=0.2, image=0.0, warm_up=0.3)
            same = np.array_equal(_run(plain, 60).lives.ended, run.lives.ended)
            assert same, f"{scaler}: compiled and plain Python decide differently"


def _run(scaling: Scaling, count: int) -> Any:
    return serve(workload(7, count), scaling=scaling, replicas=REPLICAS)
