"""Processes under a power budget: the proxy, the phases, and a short run that leaves nobody behind."""

import multiprocessing

import numpy as np
import pytest

from evenly.cluster.row.caps.no_cap import NoCap
from evenly.cluster.row.caps.polca import Polca
from evenly.hosts.row.bench import DUTY, PHASE, RESTED, STOP, WORKED, Bench, workers
from evenly.hosts.row.control import WATTS, power, run, training

BENCH = Bench(workers=2, seconds=1.0, full=0.2)


def test_the_proxy_is_the_power_of_the_phase_by_the_share_of_time_worked() -> None:
    seen = np.zeros((3, STOP + 1))
    board = seen.copy()
    board[:, PHASE] = (0, 1, 2)
    board[:, DUTY] = 0.2
    board[1, WORKED], board[1, RESTED] = 0.1, 0.9  # half of the full duty; the others ended no piece
    expected = (WATTS[0] + (WATTS[0] + 0.5 * (WATTS[1] - WATTS[0])) + WATTS[2]) / 3
    assert power(board, seen, 0.2) == pytest.approx(expected)
    assert np.array_equal(seen, board)


def test_processes_serve_two_runs_and_end() -> None:
    before = set(multiprocessing.active_children())
    with workers(BENCH) as board:
        free = run(BENCH, NoCap(), np.inf, 0, board)
        cap = Polca(first=None, second=None).fit(training(BENCH, free.samples, 0.5))
        held = run(BENCH, cap, 0.4, 0, board)
    assert free.brakes == 0
    assert held.brakes > 0, "a budget below the idle power cannot be held"
    assert held.levels.max() > 0
    for found in (free, held):
        assert len(found.samples) == len(found.levels) > 1
        assert ((found.samples >= WATTS[0] - 1e-9) & (found.samples <= 1)).all()
    assert set(multiprocessing.active_children()) <= before
