"""The kernel of a row agrees with plain Python, and keeps the laws of power and work."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.cluster.row.caps import caps
from evenly.cluster.row.caps.ideal import Ideal
from evenly.cluster.row.caps.no_cap import NoCap
from evenly.cluster.row.caps.one_all import OneAll
from evenly.cluster.row.caps.one_low import OneLow
from evenly.cluster.row.caps.polca import Polca
from evenly.cluster.row.row import Demand, Plant, groups, span
from evenly.cluster.row.traffics.daily import Daily
from evenly.core import Floats
from evenly.hardware.server import Server, phases
from tests.cluster.row.twin import Twin, twin

HOURS = 0.5
POLICIES: tuple[Any, ...] = (NoCap(), Ideal(), OneLow(), OneAll(), Polca(), Polca(first=0.6, second=0.7))


def plant(servers: int, tightness: float = 0.75, **changes: Any) -> Plant:
    known: dict[str, Any] = {"tick": 2.0, "telemetry": 2.0, "actuation": 40.0}
    return Plant(servers, tightness * servers * 6500.0, Server(), phases("bloom-176b"), **known | changes)


def traffic(hours: float = HOURS, peak: float = 1.5) -> Daily:
    return Daily(hours=hours, peak=peak, swing=0.1)


def twin_of(row: Plant, cap: Any, demand: Demand, seconds: float) -> Twin:
    rules = row._rules(cap) | {"end": seconds, "bin": span(seconds)}
    return twin(rules, groups(row.servers), demand.counts, demand.requests, np.array(cap.clocks), cap)


rows = st.fixed_dictionaries(
    {
        "servers": st.integers(1, 6),
        "tightness": st.sampled_from([0.6, 0.7, 0.75, 0.8]),
        "telemetry": st.sampled_from([0.0, 2.0, 3.0]),
        "actuation": st.sampled_from([0.0, 5.0, 40.0]),
    }
)


@settings(max_examples=40)
@given(row=rows, cap=st.sampled_from(POLICIES), seed=st.integers(0, 1000))
def test_the_loop_does_what_plain_python_does(row: dict[str, Any], cap: Any, seed: int) -> None:
    made = plant(**row)
    demand = made.demand(traffic(), seed)
    found = made.run(cap, demand, traffic().seconds)
    plain = twin_of(made, cap, demand, traffic().seconds)
    np.testing.assert_allclose(found.requests["begin"], plain.begin, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.requests["end"], plain.end, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.samples, plain.samples, rtol=1e-9)
    assert int(found.state[0]["brakes"]) == plain.brakes
    assert float(found.spent.sum()) == pytest.approx(plain.energy)
    assert float(found.state[0]["peak"]) == pytest.approx(plain.peak)


@settings(max_examples=25)
@given(row=rows, seed=st.integers(0, 1000), first=st.floats(0.5, 0.9), gap=st.floats(0.0, 0.2))
def test_polca_raises_no_clock_above_its_threshold_and_spares_high_priority(
    row: dict[str, Any], seed: int, first: float, gap: float
) -> None:
    made, cap = plant(**row), Polca(first=first, second=first + gap)
    demand = made.demand(traffic(), seed)
    watched = twin_of(made, cap, demand, traffic().seconds).watched
    second = first + gap
    for _, old, new, p in watched:
        for group in range(2):
            if cap.clocks[new][group] > cap.clocks[old][group]:
                assert p < (second if old >= 2 else first) - cap.band
        if math.isfinite(cap.clocks[new][0]):
            assert cap.clocks[old][1] == cap.low_second, "high priority slows only where low priority has"


@settings(max_examples=25)
@given(signal=st.lists(st.floats(0.5, 1.1), min_size=2, max_size=200), band=st.floats(0.01, 0.2))
def test_between_undoing_a_step_and_taking_it_again_the_signal_crosses_the_band(
    signal: list[float], band: float
) -> None:
    cap = Polca(band=band)
    memory, level = cap.memory(0, 1), 0
    undone: dict[int, float] = {}
    for p in signal:
        new = cap.choose(0.0, p, level, -1, memory)
        for rung in range(new + 1, level + 1):
            undone[rung] = p
        for rung in range(level + 1, new + 1):
            assert rung not in undone or p - undone[rung] > band - 1e-12
        level = new


@settings(max_examples=20)
@given(row=rows, cap=st.sampled_from(POLICIES), seed=st.integers(0, 1000))
def test_every_token_asked_for_is_produced_once(row: dict[str, Any], cap: Any, seed: int) -> None:
    made = plant(**row)
    short = Daily(hours=0.1, peak=0.8, swing=0.0)
    demand = made.demand(short, seed)
    found = made.run(cap, demand, 40 * 3600.0)  # long enough for all to be answered
    assert np.isfinite(found.requests["end"]).all()
    least = demand.requests["prompt"] + demand.requests["decode"]
    took = found.requests["end"] - found.requests["begin"]
    assert (took >= least - 1e-6).all()
    if len(cap.clocks) == 1 and not found.state[0]["brakes"]:
        np.testing.assert_allclose(took, least, atol=1e-6)
    for s in range(made.servers):
        mine = found.requests[demand.server == s]
        assert (mine["begin"][1:] >= mine["end"][:-1] - 1e-9).all(), "one request at a time, first come, first served"


def test_energy_is_the_integral_of_power() -> None:
    made = plant(8)
    demand = made.demand(traffic(2.0), 3)
    found = made.run(Ideal(), demand, 7200.0)
    server, requests = made.server, found.requests
    end = np.where(np.isfinite(requests["end"]), requests["end"], 7200.0)
    begun = np.isfinite(requests["begin"])
    prompt = np.minimum(requests["begin"] + requests["prompt"], 7200.0)[begun]
    begin, end = requests["begin"][begun], end[begun]
    busy = float((end - begin).sum())
    idle = 8 * 7200.0 - busy
    devices = ((prompt - begin) * requests["watts"][begun]).sum() + (end - prompt).sum() * 0.62 * server.limit
    whole = idle * (server.idle + server.rest_idle) + busy * server.rest_busy + devices
    assert float(found.spent.sum()) == pytest.approx(float(whole))
    assert found.samples.mean() * made.budget * 7200 == pytest.approx(float(whole), rel=0.02)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), servers=st.integers(2, 8))
def test_with_more_servers_the_first_brake_never_comes_later(seed: int, servers: int) -> None:
    times = []
    for count in (servers, servers + 1):
        row = Plant(count, 0.8 * servers * 6500.0, Server(), phases("bloom-176b"), 2.0, 2.0, 40.0)
        found = row.run(NoCap(), row.demand(traffic(), seed), traffic().seconds)
        times.append(found.braking[0] if len(found.braking) else math.inf)
    assert times[1] <= times[0]


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), servers=st.integers(1, 6), tightness=st.floats(0.6, 0.95))
def test_without_delay_and_with_a_perfect_model_only_the_lowest_clocks_exceed_the_budget(
    seed: int, servers: int, tightness: float
) -> None:
    made = plant(servers, tightness, telemetry=0.0, actuation=0.0, tick=0.05)
    demand = made.demand(traffic(0.1), seed)
    found = made.run(Perfect(), demand, 360.0)
    above = found.samples[1:] > 1.0
    risen = np.diff(found.samples) > 0.005  # what began within the tick is not known yet
    assert (found.levels[1:][above & ~risen] == len(Perfect().clocks) - 1).all()


@dataclass(frozen=True, slots=True)
class Perfect:
    """Take one step down whenever the power is above the budget, and none up."""

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        return tuple((clock, clock) for clock in (math.inf, 1110.0, 800.0, 400.0))

    @property
    def guarded(self) -> bool:
        return False

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        return 3 if p > 1.0 else level


def test_a_policy_in_plain_python_decides_like_a_compiled_one() -> None:
    made = plant(5)
    demand = made.demand(traffic(), 1)
    one, other = (made.run(cap, demand, traffic().seconds) for cap in (Polca(), Slow()))
    assert np.array_equal(one.samples, other.samples)
    assert one.state[0]["commands"] > 0


@dataclass(frozen=True, slots=True)
class Slow:
    """POLCA with a method in place of a static one."""

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        return Polca().clocks

    @property
    def guarded(self) -> bool:
        return True

    def memory(self, seed: int, servers: int) -> Floats:
        return Polca().memory(seed, servers)

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        return Polca.choose(now, p, level, moving, memory)


def test_a_brake_slows_all_and_is_counted() -> None:
    made = plant(4, 0.7)
    demand = made.demand(traffic(), 2)
    found = made.run(NoCap(), demand, traffic().seconds)
    state = found.state[0]
    assert state["brakes"] == len(found.braking) > 0
    assert state["brake_time"] == pytest.approx(30.0 * state["brakes"], abs=30.0)
    held = found.samples[found.levels == 1]
    assert len(held)
    assert held.max() < 0.95
    assert (np.diff(found.braking) >= 35.0).all(), "the hold, and the way to the next one"


@pytest.mark.parametrize("name", caps.names())
def test_a_run_can_end_at_the_first_brake(name: str) -> None:
    made, cap = plant(4, 0.7), caps[name]()
    if getattr(cap, "derives", ()):
        cap = cap.fit(made.training(traffic(), 5))  # type: ignore[attr-defined]
    demand = made.demand(traffic(), 2)
    whole = made.run(cap, demand, traffic().seconds)
    short = made.run(cap, demand, traffic().seconds, first=True)
    assert short.state[0]["brakes"] == min(1, whole.state[0]["brakes"])
    assert np.array_equal(short.samples, whole.samples[: len(short.samples)])


@dataclass(frozen=True)
class Beyond:
    """A policy that asks for a level that it does not have."""

    clocks: tuple[tuple[float, float], ...] = ((math.inf, math.inf),)
    guarded: bool = True

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        return 3


def test_a_level_that_a_policy_does_not_have_is_an_error() -> None:
    made = plant(2)
    with pytest.raises(ValueError, match=r"Beyond.choose returned level 3; its clocks have levels 0 to 0"):
        made.run(Beyond(), made.demand(traffic(0.1), 0), 360.0)
