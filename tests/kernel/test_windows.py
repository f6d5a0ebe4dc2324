"""What a policy of shares is shown: what a scan of all requests would show, from the few that something happened to."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from evenly.core import Floats, Ints
from evenly.hardware.costs.layer_table import LayerTable
from evenly.kernel.serving import windows
from evenly.papers.semi_pd import trace
from evenly.papers.testbed import a100
from evenly.serve.engines.semi_pd import SemiPd
from evenly.serve.shares import Shares


@dataclass(frozen=True, slots=True)
class Watched:
    """Keep what is shown; move the shares to and fro."""

    window: ClassVar[int] = 30
    seen: list[tuple[list[float], list[float]]] = field(default_factory=list)

    def split(
        self, x: float, y: float, ttft: Floats, tpot: Floats, limits: tuple[float, float], memory: Floats
    ) -> tuple[float, float]:
        """Keep both columns."""
        self.seen.append((ttft.tolist(), tpot.tolist()))
        return 100.0, 60.0 if len(self.seen) % 5 else 90.0


class Scanning(windows.Looks):
    """The plain twin: every request is looked at in every window."""

    def _heard(self, r: int) -> Ints:
        super()._heard(r)
        return np.flatnonzero(self.world.requests["replica"] == r)


def shown(replicas: int, kv_tokens: int, seed: int) -> list[tuple[list[float], list[float]]]:
    """Return what a policy sees in the windows of a run that retracts requests where tokens are few."""
    shares = Watched()
    made: Shares = shares
    scenario = a100(
        "llama-3-8b",
        1,
        SemiPd(worker_start=0.5),
        cost=LayerTable(host=0.0),
        host_overhead=0.035,
        shares=made,
        replicas=replicas,
        kv_tokens=kv_tokens,
    )
    scenario.simulate(trace=trace("sharegpt", 14.0 * replicas, seed, 300))
    return shares.seen


@pytest.mark.parametrize(("replicas", "kv_tokens"), [(1, 40_000), (1, 6_000), (3, 40_000)])
def test_windows_show_what_a_scan_of_all_requests_shows(
    replicas: int, kv_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = shown(replicas, kv_tokens, 3)
    monkeypatch.setattr(windows, "Looks", Scanning)
    assert shown(replicas, kv_tokens, 3) == quick
    assert len(quick) > 20 * replicas
    assert sum(len(firsts) for firsts, _ in quick) > 50 * replicas


def test_all_windows_together_look_at_a_request_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    class Counted(windows.Looks):
        def _heard(self, r: int) -> Any:
            found = super()._heard(r)
            looked.append(len(found))
            return found

    monkeypatch.setattr(windows, "Looks", Counted)
    shown(2, 40_000, 1)
    assert len(looked) > 40
    assert sum(looked) <= 2 * 300
