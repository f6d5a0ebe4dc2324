"""A function platform of real processes: it counts what the simulator counts, and leaves nothing behind."""

import os
from pathlib import Path

import numpy as np
import pytest

from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.keepalives.release import Release
from evenly.balance.keepalives.timer_prewarm import TimerPrewarm
from evenly.cluster.functions.chains.expected import Expected
from evenly.cluster.functions.delays.peak_shave import PeakShave
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.core import Ints
from evenly.hosts.functions import measure as host
from evenly.hosts.functions.experiments import AGREE
from evenly.hosts.functions.measure import calls_of, functions_of, measure
from evenly.hosts.functions.runtimes import PROGRAMS, runtimes
from evenly.kernel.functions.simulation import Policies

SCALE = 0.01  # real seconds of a second: a keep-alive of 60 s lasts 0.6 s
INSTALLED = sorted(runtimes())


def workers() -> list[int]:
    """Return the worker processes that live."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if str(PROGRAMS) in line and parent == os.getpid():
            found.append(int(entry.name))
    return found


def zeros(count: int) -> Ints:
    return np.zeros(count, np.int64)


@pytest.mark.parametrize("name", INSTALLED)
def test_every_installed_runtime_serves_and_tells_the_parts_of_its_starts(name: str) -> None:
    calls = calls_of(functions_of([name], timer=False, lead=1.0), np.array([0.0, 1.0]), zeros(2), np.full(2, 0.01))
    found = measure(calls, Policies(Release()), packages=True)
    parts = found.calls["parts"]
    assert found.cold == found.started == 2
    assert (parts[:, [0, 1, 3]] > 0).all()
    assert parts.sum(axis=1) == pytest.approx(found.added, rel=0.25)
    assert (found.calls["end"] - found.calls["start"] >= 0.01).all()
    assert workers() == []


def test_a_keep_alive_has_as_many_cold_starts_as_in_the_simulator() -> None:
    gaps = np.array([0.0, 25.0, 25.0, 110.0, 25.0, 110.0])  # each far from the 60 s of the keep-alive
    arrival = np.cumsum(gaps)
    for keep in (Fixed(60.0), Release()):
        calls = calls_of(functions_of(["sh"], timer=False, lead=1.0), arrival, zeros(6), np.full(6, 0.5))
        found = measure(calls, Policies(keep), scale=SCALE)
        run = FunctionsScenario(keep=keep).simulate(found.replayed())
        assert np.isfinite(run.calls["began"]).tolist() == (found.calls["cold"] == 1).tolist()
    assert found.cold == 6


def test_a_clock_meets_a_pod_once_its_ticks_are_expected() -> None:
    keep = TimerPrewarm(60.0, AGREE)
    arrival = np.arange(0.0, 480.0, 80.0)
    calls = calls_of(functions_of(["sh"], timer=True, lead=40.0), arrival, zeros(6), np.full(6, 0.5))
    found = measure(calls, Policies(keep), scale=SCALE)
    assert found.calls["cold"].tolist() == [1, 1, 1, 1, 0, 0]
    run = FunctionsScenario(keep=keep).simulate(found.replayed())
    assert np.isfinite(run.calls["began"]).sum() == found.cold
    assert workers() == []


def test_the_steps_of_a_known_chain_meet_their_pods_as_in_the_simulator() -> None:
    runs, steps = 5, 2
    arrival = np.append(np.arange(runs) * 150.0, np.full(runs, np.nan))
    parent = np.append(np.full(runs, -1), np.arange(runs))
    function = np.repeat(np.arange(steps), runs)
    functions = functions_of(["sh"] * steps, timer=False, lead=40.0)
    calls = calls_of(functions, arrival, function, np.full(runs * steps, 50.0), (parent, np.zeros(runs * steps)))
    chain = Expected(patience=100.0)
    found = measure(calls, Policies(Release(), chain=chain), scale=SCALE)
    assert found.calls["cold"].reshape(steps, runs).tolist() == [[1] * runs, [1, 1, 0, 0, 0]]
    run = FunctionsScenario(keep=Release(), chain=chain).simulate(found.replayed())
    assert np.isfinite(run.calls["began"]).tolist() == (found.calls["cold"] == 1).tolist()
    assert workers() == []


def test_a_call_that_may_wait_takes_the_busy_pod() -> None:
    functions = functions_of(["sh"], timer=True, lead=1.0)
    arrival, lasting = np.array([0.0, 1.0]), np.array([1.2, 0.1])
    for delay, cold in ((None, 2), (PeakShave(20.0), 1)):
        found = measure(calls_of(functions, arrival, zeros(2), lasting), Policies(Fixed(20.0), delay))
        assert found.cold == found.started == cold


def test_a_pool_is_taken_from_and_filled_again() -> None:
    functions = functions_of(["sh", "sh"], timer=False, lead=1.0)
    calls = calls_of(functions, np.array([0.0, 1.0]), np.arange(2), np.full(2, 0.01))
    found, fresh = (measure(calls, Policies(Release()), stock=stock) for stock in (1, 0))
    assert (found.calls["parts"][:, 0] < fresh.calls["parts"][:, 0]).all()


def test_nothing_is_left_when_a_worker_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    known = runtimes()["sh"]
    broken = type(known)(known.name, known.command, known.program, "handle() { exit 3; }\n", known.ending)
    monkeypatch.setattr(host, "runtimes", lambda: {"sh": broken})
    calls = calls_of(functions_of(["sh"], timer=False, lead=1.0), np.zeros(2), zeros(2), np.full(2, 0.01))
    with pytest.raises(RuntimeError, match="was not answered"):
        measure(calls, Policies(Release()), stock=1)
    assert workers() == []


def test_an_absent_runtime_is_named() -> None:
    with pytest.raises(ValueError, match="no interpreter of cobol is installed; there are "):
        measure(
            calls_of(functions_of(["cobol"], timer=False, lead=1.0), np.zeros(1), zeros(1), np.zeros(1)),
            Policies(Release()),
        )
