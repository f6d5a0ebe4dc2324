"""The delay between a client and the scheduler."""

from dataclasses import replace

import numpy as np
import pytest

from evenly.core import Array
from evenly.hardware.calibration.steps import Steps
from evenly.hosts.delivery import delivery
from tests.hardware.measured_passes import passes

DELAY = 0.03
THERE = 0.01  # of it on the way to the engine


def replayed(spells: int, before: int = 0) -> tuple[Steps, dict[str, Array]]:
    """Return the log of an engine that is busy now and then, and what a client saw on a clock of its own.

    `before` busy spells of the log belong to somebody else.
    """
    chance = np.random.default_rng(3)
    sizes = chance.integers(1, 9, spells + before)
    log = passes(int(sizes.sum()), 1)
    last = np.cumsum(sizes) - 1
    pause = np.cumsum(chance.uniform(0.5, 3.0, len(sizes)))
    spell = np.repeat(np.arange(len(sizes)), sizes)
    running = np.where(np.isin(np.arange(len(log)), last), 0, log.running)
    log = replace(log, begin=log.begin + pause[spell], done=log.done + pause[spell], running=running)
    first = np.concatenate(([0], last[:-1] + 1))
    sent, got = log.begin[first] - THERE, log.done[last] + DELAY - THERE
    clock = sent[before]
    return log, {"arrival": sent[before:] - clock, "finish": got[before:] - clock}


@pytest.mark.parametrize("before", [0, 3])
def test_what_clients_wait_for_beside_the_passes_is_the_delay_whatever_the_clocks(before: int) -> None:
    found, spells = delivery(*replayed(20, before), "a replay")
    assert found == pytest.approx(DELAY, abs=1e-9)
    assert spells == 20


def test_requests_that_failed_tell_no_delay() -> None:
    log, items = replayed(5)
    items["finish"][2] = np.nan
    found, spells = delivery(log, items, "a replay")
    assert found == pytest.approx(DELAY, abs=1e-9)
    assert spells == 4


def test_a_replay_without_answers_is_refused() -> None:
    log, items = replayed(3)
    with pytest.raises(ValueError, match="a replay: no request was answered"):
        delivery(log, {**items, "finish": np.full(3, np.nan)}, "a replay")
