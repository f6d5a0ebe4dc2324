"""Traffics of a row: what every one keeps, and samples of a recorded trace."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.cluster.row.scenario import RowScenario
from evenly.cluster.row.traffics import Traffic, traffics
from evenly.cluster.row.traffics.daily import Daily
from evenly.cluster.row.traffics.recorded import Recorded
from evenly.core import Document, Trace
from evenly.hardware.server import phases
from evenly.sweep.scenarios import scenario_of
from evenly.traces.lengths.fixed import Fixed
from evenly.traces.sources.poisson import Poisson

BLOOM = phases("bloom-176b")
STEADY = Recorded(Poisson(rate=2.0, requests=2000, lengths=Fixed(1000, 100)), load=0.5, hours=1.0)
MADE: dict[str, Traffic] = {"daily": Daily(hours=1.0), "recorded": STEADY}


@dataclass(frozen=True)
class Given:
    """A trace of two requests."""

    arrival: tuple[float, float] = (5.0, 15.0)
    after: bool = False

    def draw(self, seed: int) -> Trace:
        after: Any = np.array([-1, 0]) if self.after else None
        pause: Any = np.zeros(2) if self.after else None
        return Trace(np.array(self.arrival), np.array([128, 128]), np.array([100, 100]), after=after, pause=pause)


def test_every_traffic_is_examined() -> None:
    assert set(MADE) == set(traffics)


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_stream_is_in_order_within_the_run_and_the_same_for_the_same_seed(name: str) -> None:
    traffic = MADE[name]
    arrival, prompt, output = traffic.stream(3, BLOOM, 1)
    assert len(arrival) == len(prompt) == len(output) > 0
    assert (np.diff(arrival) >= 0).all()
    assert ((arrival >= 0) & (arrival < traffic.seconds)).all()
    assert min(prompt.min(), output.min()) >= 1
    for same, again in zip((arrival, prompt, output), traffic.stream(3, BLOOM, 1), strict=True):
        assert np.array_equal(same, again)
    assert not np.array_equal(arrival, traffic.stream(4, BLOOM, 1)[0])
    assert traffic.lasting(2.0).seconds == 7200.0


@settings(max_examples=10, deadline=None)
@given(load=st.floats(0.2, 0.9), seed=st.integers(0, 100))
def test_a_recorded_trace_asks_for_the_load_in_the_mean(load: float, seed: int) -> None:
    traffic = Recorded(STEADY.source, load=load, hours=2.0)
    asked = 0.0
    for server in range(8):
        _, prompt, output = traffic.stream(server, BLOOM, seed)
        asked += float((BLOOM.prompt_seconds(prompt) + BLOOM.token_seconds * output).sum())
    mean = asked / (8 * traffic.seconds)
    assert mean == pytest.approx(load, rel=0.15)  # some 800 requests a server of which each is a like chance


def test_all_of_a_trace_comes_again_until_the_run_is_over() -> None:
    traffic = Recorded(Given(), load=10.0, hours=70 / 3600)
    slow = BLOOM.prompt_seconds(128) + 100 * BLOOM.token_seconds  # of either request, in 20 s
    asked = Recorded(Given(), load=float(2 * slow / 20), hours=70 / 3600)
    assert np.allclose(asked.stream(0, BLOOM, 0)[0], [0, 10, 20, 30, 40, 50, 60])
    with pytest.raises(ValueError, match=r"load is 10 of a server, but the whole trace asks for 0\.498 of one"):
        traffic.stream(0, BLOOM, 0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Given(after=True), "wait for others, so their times are not known"),
        (Given(arrival=(1.0, 1.0)), "a trace of 2 requests over 0 s has no rate"),
    ],
)
def test_a_trace_without_times_or_rate_is_refused(source: Given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recorded(source).stream(0, BLOOM, 0)


def test_a_row_serves_a_file_of_requests(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for second in np.sort(chance.uniform(0, 600, 400)):
        minutes, rest = divmod(second, 60)
        lines.append(
            f"2023-11-16 18:{int(minutes):02}:{rest:09.6f},{chance.integers(100, 2000)},{chance.integers(20, 400)}"
        )
    (tmp_path / "hour.csv").write_text("\n".join(lines) + "\n")
    trace = "{use: recorded, source: {use: file, path: hour.csv}, hours: 0.5}"
    text = f"kind: row\nservers: 6\nprovisioned: 5\ntrace: {trace}\n"
    (tmp_path / "row.yaml").write_text(text)
    scenario = scenario_of(Document.read(tmp_path / "row.yaml"))
    assert isinstance(scenario, RowScenario)
    outcome = scenario.run()
    assert outcome.metrics["throughput"] > 0
    assert outcome.load.work.shape[1] == 6
    assert "recorded (source file" in str(outcome.facts["traffic"])
