"""The timeline of checkpoints: held against a plain twin that goes piece by piece, and against formulas."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.train.checkpoint.failures import survive
from evenly.train.checkpoint.interval import interval_of, young_daly
from evenly.train.checkpoint.results import load, spans, step_ends
from evenly.train.checkpoint.savers import savers
from evenly.train.checkpoint.timeline import PIECES, Machine, timeline

rates = st.floats(0.2, 20.0)
machines = st.builds(
    Machine,
    state=st.just(1.0),
    forward_backward=st.floats(0.1, 2.0),
    update=st.floats(0.0, 0.5),
    copy=rates,
    serialise=rates,
    storage=rates,
    buffer=st.sampled_from([1.0, 1.5, 2.0, 3.7]),
)
names = st.sampled_from(savers.names())


def twin(machine: Machine, name: str, interval: int, checkpoints: int) -> list[tuple[float, float, float]]:
    """Return begin, stall and end on storage of each checkpoint, one piece after the other."""
    saver, room = savers[name](), round(machine.buffer * PIECES)
    copy, write = machine.state / PIECES / machine.copy, machine.state / PIECES / machine.storage
    now, copier, writer = interval * machine.step, 0.0, 0.0
    left: list[float] = []
    found = []
    for _ in range(checkpoints):
        copied, written = [], []
        for _ in range(PIECES):
            free = left[len(left) - room] if len(left) >= room else 0.0
            copier = max(copier, now, free) + copy
            copied.append(copier)
            if not saver.serialises:
                writer = max(writer, copier) + write
                written.append(writer)
                left.append(writer)
        if saver.serialises:
            writer = max(writer, copier + machine.state / machine.serialise)
            written = [writer + write * (k + 1) for k in range(PIECES)]
            writer = written[-1]
            left += written
        forward, update = saver.hold(now, np.array(copied), np.array(written))
        end = forward + machine.forward_backward
        for moment in update:
            end = max(end, float(moment)) + machine.update / PIECES
        stall = end - now - machine.step
        found.append((now, stall, writer))
        now = end + (interval - 1) * machine.step
    return found


@settings(max_examples=40)
@given(machine=machines, name=names, interval=st.integers(1, 4))
def test_periods_that_are_added_up_are_those_of_a_plain_twin(machine: Machine, name: str, interval: int) -> None:
    made = timeline(machine, savers[name](), interval, 30)
    for k, (begin, stall, durable) in enumerate(twin(machine, name, interval, 30), 1):
        assert made.begin[k] == pytest.approx(begin, abs=1e-6)
        assert made.stall[k] == pytest.approx(stall, abs=1e-6)
        assert made.durable[k] == pytest.approx(durable, abs=1e-6)


@pytest.mark.parametrize("interval", [1, 3, 10])
@pytest.mark.parametrize("storage", [0.5, 1.0, 2.0, 20.0])
@pytest.mark.parametrize("copy", [0.5, 1.0, 2.0, 20.0])
def test_periods_of_states_that_move_whole_are_the_longest_way_round(
    monkeypatch: pytest.MonkeyPatch, copy: float, storage: float, interval: int
) -> None:
    """A period is the longest of the cycles: train and copy, write, or, with room for one state, copy and write."""
    monkeypatch.setattr("evenly.train.checkpoint.timeline.PIECES", 1)
    copying, writing = 1 / copy, 1 / storage
    periods = {
        ("snapshot-async", 1.0): copying + max(interval, writing),
        ("snapshot-async", 2.0): max(copying + interval, writing),
        ("lazy", 1.0): max(interval + max(0.0, copying - 0.9), copying + writing),
        ("lazy", 2.0): max(interval + max(0.0, copying - 0.9), writing),
    }
    for (name, room), period in periods.items():
        machine = Machine(1.0, 0.9, 0.1, copy, 2.0, storage, room)
        assert timeline(machine, savers[name](), interval, 200).stall[-1] + interval == pytest.approx(period, rel=1e-12)


@settings(max_examples=40)
@given(machine=machines, interval=st.integers(1, 4))
def test_who_waits_for_less_never_waits_longer(machine: Machine, interval: int) -> None:
    order = ("lazy-by-tensor", "lazy", "snapshot-async", "raw-sync", "torch-save")
    ends = [timeline(machine, savers[name](), interval, 12).begin[-1] for name in order]
    assert all(one <= other + 1e-9 for one, other in pairwise(ends))


@settings(max_examples=40)
@given(machine=machines, name=names, interval=st.integers(1, 3))
def test_all_bytes_are_moved_once_and_lanes_do_one_thing_at_a_time(machine: Machine, name: str, interval: int) -> None:
    made = timeline(machine, savers[name](), interval, 8, drawn=8)
    work, span = load(machine, made, 9 * interval)
    assert span.sum() == pytest.approx(step_ends(machine, made, 9 * interval)[-1])
    assert (work[:, 1:] <= span[:, None] + 1e-9).all()
    for column, rate in ((1, machine.copy), (2, machine.storage)):
        assert work[:, column].sum() <= 8 / rate + 1e-9
    assert work[:, 1].sum() == pytest.approx(8 / machine.copy) or name == "lazy-by-tensor"
    drawn = spans(machine, made)
    for lane in ("device", "copier", "writer"):
        mine = sorted(zip(*(drawn[key][drawn["lane"] == lane].tolist() for key in ("begin", "end")), strict=True))
        assert all(end <= begin + 1e-9 for (_, end), (begin, _) in pairwise(mine))


@pytest.mark.parametrize("mtbf", [200.0, 1000.0, 5000.0])
def test_lost_work_is_what_renewal_theory_says(mtbf: float) -> None:
    """A period of length p, saved at its end, takes (mtbf + restart)(exp(p / mtbf) - 1) in the mean."""
    machine = Machine(1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0)
    interval, steps, restart = 40, 40 * 2000, 30.0
    made = timeline(machine, savers["torch-save"](), interval, steps // interval)
    period = interval + made.stall[-1]
    expected = (mtbf + restart) * math.expm1(period / mtbf) * steps / interval
    taken = [survive(made, steps, machine.step, mtbf, restart, seed).seconds for seed in range(5)]
    assert np.mean(taken) == pytest.approx(expected, rel=0.05)


def test_without_failures_a_run_takes_its_steps_and_stalls() -> None:
    machine = Machine(1.0, 0.9, 0.1, 2.0, 2.0, 1.0, 2.0)
    made = timeline(machine, savers["torch-save"](), 10, 10)
    found = survive(made, 104, machine.step, math.inf, 5.0, 0)
    assert found.seconds == pytest.approx(104 + 10 * (0.5 + 0.5 + 1.0))
    assert (found.failures, found.lost) == (0, 0.0)


def test_a_run_that_never_gets_on_is_an_error() -> None:
    machine = Machine(1.0, 1.0, 0.0, 1.0, 1.0, 1e-3, 1.0)
    made = timeline(machine, savers["torch-save"](), 10, 10)
    with pytest.raises(ValueError, match="0 of 100 steps are done; take a smaller interval"):
        survive(made, 100, machine.step, 20.0, 0.0, 0)


def test_the_interval_is_that_of_young_and_daly_or_what_storage_keeps_up_with() -> None:
    machine = Machine(1.0, 0.9, 0.1, 2.0, 2.0, 1.0, 2.0)
    assert interval_of(machine, savers["torch-save"](), 3600.0, 10_000) == round(young_daly(2.0, 3600.0))
    slow = Machine(1.0, 0.9, 0.1, 2.0, 2.0, 0.21, 2.0)
    assert interval_of(slow, savers["lazy"](), 3600.0, 10_000) == 5
    assert interval_of(slow, savers["lazy"](), math.inf, 77) == 77
