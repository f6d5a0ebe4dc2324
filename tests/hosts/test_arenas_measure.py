"""Measurements of the arenas give figures of the right kind; how large is for the evidence, not for a test."""

import math

from evenly.hosts.arenas.measure import CORES, SIZES, copied, copying, overlapping, switching, unlocked


def test_gains_of_all_page_sizes_are_positive() -> None:
    found = copying(0, rounds=1)
    assert list(found) == [f"{name}_{size}" for name in ("gain", "shifted") for size in SIZES]
    assert min(found.values()) > 0


def test_what_is_hidden_is_not_a_number_without_a_second_core() -> None:
    found = overlapping(0)
    assert found["cores"] > 0
    assert math.isnan(found["hidden"]) == (found["cores"] < CORES)


def test_other_threads_run_while_numpy_copies() -> None:
    assert unlocked(copied)
    assert not unlocked(lambda: sum(range(3_000_000))), "a sum in the interpreter holds the lock throughout"


def test_nothing_differs_with_switches() -> None:
    found = switching(0)
    assert found["tokens"] == found["bits"] == found["early"] == 0
    assert found["switches"] > 50
    assert found["copies"] > 500
