"""All-reduces."""

import pytest

from evenly.hardware.collectives import all_reduce, reduce_source
from evenly.hardware.device import device


def test_measured_sums_are_used_where_they_exist() -> None:
    curve = all_reduce(device("h100"), 4)
    assert [round(curve(size) * 1e6) for size in (1e3, 64e3, 1e6, 16e6, 128e6)] == [11, 13, 20, 99, 611]
    assert "APEX" in reduce_source(device("h100"), 4)


def test_the_ring_formula_covers_the_rest() -> None:
    curve = all_reduce(device("rtx-pro-6000"), 2)
    # measured between two of these cards: 41 us for 1 MiB, 471 us for 16 MiB
    assert curve(2**20) * 1e6 == pytest.approx(41, rel=0.1)
    assert curve(2**24) * 1e6 == pytest.approx(471, rel=0.2)
    assert "ring" in reduce_source(device("rtx-pro-6000"), 2)


@pytest.mark.parametrize("name", ["a100-80gb", "h100", "h200", "b200", "l40s", "rtx-pro-6000", "v100"])
def test_more_bytes_take_longer(name: str) -> None:
    for devices in (2, 4, 8):
        curve = all_reduce(device(name), devices)
        seconds = [curve(10.0**k) for k in range(3, 10)]
        assert seconds == sorted(seconds)
