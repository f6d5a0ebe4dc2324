"""Every source of the room keeps the laws of a source."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from evenly.core import Document, Trace
from evenly.core.document import unstructure
from evenly.serve.scenario import servable
from evenly.traces.sources import Source, sources
from evenly.traces.sources.agents import Agents
from evenly.traces.sources.burstgpt import Burstgpt
from evenly.traces.sources.closed_loop import ClosedLoop
from evenly.traces.sources.gamma import Gamma
from evenly.traces.sources.multi_turn import MultiTurn
from evenly.traces.sources.poisson import Poisson

SETTINGS: dict[str, Source] = {
    "agents": Agents(programs=20, system=256),
    "burstgpt": Burstgpt(hours=2.0, start=10.0),
    "burstgpt, poisson": Burstgpt(hours=2.0, rate=1.0, arrivals="poisson"),
    "burstgpt, gamma": Burstgpt(hours=2.0, rate=1.0, arrivals="gamma", speed=4.0),
    "burstgpt, time of day": Burstgpt(hours=30.5, arrivals="time-of-day", burstiness=2.0),
    "burstgpt, even": Burstgpt(hours=2.0, rate=1.0, arrivals="even"),
    "closed-loop": ClosedLoop(clients=4, requests=50, think=1.0),
    "gamma": Gamma(requests=200),
    "multi-turn": MultiTurn(conversations=20, system=100),
    "poisson": Poisson(requests=200, users=5),
}
ONE: dict[str, Source] = {
    "agents": Agents(programs=1, turns=1.0, turns_deviation=0.0),
    "burstgpt": Burstgpt(requests=1),
    "closed-loop": ClosedLoop(clients=1, requests=1),
    "gamma": Gamma(requests=1),
    "multi-turn": MultiTurn(conversations=1, turns=1.0),
    "poisson": Poisson(requests=1),
}
NEEDS_FILE = {"file"}  # examined below, with a file of its own
COLUMNS = ("arrival", "prompt", "output", "user", "session", "after", "pause", "failed")


@dataclass(frozen=True)
class Holder:
    """A place for a source, as a scenario has one."""

    trace: Source


def digest(trace: Trace) -> str:
    """Return a fingerprint of every byte of a trace."""
    found = hashlib.sha256()
    for name in COLUMNS:
        column = getattr(trace, name)
        found.update(name.encode() + (b"" if column is None else np.ascontiguousarray(column).tobytes()))
    if trace.prefixes is not None:
        found.update(trace.prefixes.offsets.tobytes() + trace.prefixes.ids.tobytes())
    return found.hexdigest()


@cache
def drawn(name: str) -> Trace:
    """Return the trace of a setting with seed 5."""
    return SETTINGS[name].draw(5)


def test_every_source_is_examined() -> None:
    examined = {sources.name_of(source) for source in SETTINGS.values()}
    assert examined | NEEDS_FILE == set(sources.names())
    assert set(ONE) | NEEDS_FILE == set(sources.names())


@pytest.mark.parametrize("name", SETTINGS)
def test_arrivals_are_sorted_and_finite_and_lengths_at_least_one(name: str) -> None:
    trace = drawn(name)
    assert len(trace) > 10
    assert np.all(np.isfinite(trace.arrival))
    assert trace.arrival[0] >= 0
    assert np.all(np.diff(trace.arrival) >= 0)
    sent = servable(trace)
    assert sent.prompt.min() >= 1
    assert sent.output.min() >= 1
    if trace.failed is not None:
        assert np.array_equal(trace.failed, trace.output == 0)


@pytest.mark.parametrize("name", SETTINGS)
def test_whoever_waits_waits_for_an_earlier_request_of_its_own(name: str) -> None:
    trace = drawn(name)
    if trace.after is None:
        return
    later = np.flatnonzero(trace.after >= 0)
    assert len(later)
    assert np.all(trace.after[later] < later)
    assert len(np.unique(trace.after[later])) == len(later), "nobody has two followers"
    assert trace.pause is not None
    assert np.all(trace.pause >= 0)
    for who in (trace.session, trace.user):
        if who is not None:
            assert np.array_equal(who[trace.after[later]], who[later])


@pytest.mark.parametrize("name", SETTINGS)
def test_another_seed_gives_another_trace(name: str) -> None:
    assert digest(SETTINGS[name].draw(6)) != digest(drawn(name))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_source_survives_yaml(name: str) -> None:
    text = yaml.safe_dump({"trace": unstructure(SETTINGS[name])})
    again = Document.parse(text).structure(Holder).trace
    assert again == SETTINGS[name]
    assert digest(again.draw(5)) == digest(drawn(name))


@pytest.mark.parametrize("name", ONE)
def test_one_request_works(name: str) -> None:
    assert len(ONE[name].draw(0)) == 1


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "from tests.traces.test_sources import SETTINGS, digest\n"
        "for name, source in SETTINGS.items(): print(digest(source.draw(5)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == [digest(drawn(name)) for name in SETTINGS]


def test_replay_at_twice_the_speed_halves_every_time_exactly(tmp_path: Path) -> None:
    from evenly.traces.sources.file import File

    path = tmp_path / "trace.csv"
    path.write_text("Timestamp,Model,Request tokens,Response tokens\n5,a,3,4\n6.3,a,1,2\n99.1,b,7,7\n")
    once, twice = (File(str(path), speed=speed).draw(0) for speed in (1.0, 2.0))
    assert np.array_equal(once.arrival / 2, twice.arrival)
    assert digest(File(str(path)).draw(1)) == digest(once), "a file does not depend on chance"
    assert len(File(str(path), requests=1).draw(0)) == 1


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Agents, "programs", 0),
        (Agents, "system", 5000),
        (Agents, "turns", 0.5),
        (Burstgpt, "rate", 0.0),
        (Burstgpt, "hours", float("inf")),
        (Burstgpt, "start", -1.0),
        (Burstgpt, "arrivals", "weekly"),
        (Burstgpt, "requests", 0),
        (ClosedLoop, "clients", 0),
        (Gamma, "cv", 0.0),
        (MultiTurn, "context", 100),
        (MultiTurn, "user_median", 0.0),
        (MultiTurn, "turns", 0.0),
        (Poisson, "rate", float("nan")),
    ],
)
def test_a_value_that_makes_no_sense_is_named(kind: Any, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        kind(**{field: value})
