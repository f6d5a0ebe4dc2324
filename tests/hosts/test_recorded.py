"""A run's own measured passes in the place of a cost model."""

from pathlib import Path

import numpy as np
import pytest

from evenly.core import Floats
from evenly.hardware.calibration.steps import Steps
from evenly.hardware.costs.calibrated import Calibrated
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.hosts.recorded import Recorded
from tests.hardware.measured_passes import engine_file, passes


@pytest.fixture
def tables(tmp_path: Path) -> Floats:
    return Calibrated(str(engine_file(tmp_path))).tables(model("llama-3-8b"), device("cpu"), 1)


def recorded(log: Steps, tables: Floats) -> Recorded:
    """Return the passes of a log, ready for a run: the loop has priced its full pass."""
    made = Recorded(log, Calibrated("any"))
    made.watch(None)
    made.seconds(np.array([512]), np.zeros(1, np.int64), 0, 0.0, 0, tables)
    return made


def ask(made: Recorded, log: Steps, place: int, tables: Floats, more: int = 0) -> float:
    """Ask for a pass with the content of one in the log, and `more` decodes."""
    pieces = slice(int(log.offsets[place]), int(log.offsets[place + 1]))
    context, longest = float(log.context[place]), int(log.longest[place])
    decodes = int(log.decodes[place]) + more
    return made.seconds(log.chunk[pieces], log.before[pieces], decodes, context, longest, tables)[0]


def test_the_same_passes_in_the_same_order_take_as_long_as_they_did(tables: Floats) -> None:
    log = passes(80, 1)
    made = recorded(log, tables)
    assert [ask(made, log, k, tables) for k in range(80)] == pytest.approx(log.seconds)
    assert (made.met, made.asked) == (80, 80)


def test_passes_before_the_run_are_passed_over(tables: Floats) -> None:
    log = passes(400, 2)
    made = recorded(log, tables)
    begin = next(k for k in range(300, 400) if log.prompts[k] > 1 and log.decodes[k] > 0)
    assert [ask(made, log, k, tables) for k in range(begin, 400)] == pytest.approx(log.seconds[begin:])


def test_a_pass_that_never_was_takes_the_next_ones_time_in_the_ratio_of_their_costs(tables: Floats) -> None:
    log = passes(50, 3)
    slow = passes(50, 3).seconds * 2.0
    made = recorded(log, tables)
    twice = recorded(Steps(**{**{n: getattr(log, n) for n in log.__slots__}, "seconds": slow}), tables)
    for other in (made, twice):
        for place in range(10):
            ask(other, log, place, tables)
    one, two = ask(made, log, 10, tables, more=500), ask(twice, log, 10, tables, more=500)
    assert two == pytest.approx(2 * one)
    assert made.met == 10
    assert made.facts()["of them measured"] == 10
