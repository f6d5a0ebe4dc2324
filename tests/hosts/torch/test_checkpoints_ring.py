"""The buffer: parts in use never overlap, and room comes free in order."""

from itertools import pairwise
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from evenly.hosts.torch.checkpoints.ring import ALIGN, Region, Ring

SIZE = 20 * ALIGN


@settings(max_examples=60)
@given(moves=st.lists(st.tuples(st.integers(1, 8 * ALIGN), st.integers(0, 5)), max_size=60))
def test_parts_in_use_never_overlap_and_add_up(moves: list[tuple[int, int]]) -> None:
    ring = Ring(SIZE, pinned=False)
    live: list[Region] = []
    for size, back in moves:
        rounded = -(-size // ALIGN) * ALIGN
        with ring._changed:
            fits = ring._room(rounded) is not None
        if fits:
            live.append(ring.take(size))
        if live and back < len(live):
            ring.free(live.pop(back))
        spans = sorted((region.offset, region.offset + region.size) for region in live)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
        assert all(begin >= 0 and end <= ring.size for begin, end in spans)
        assert ring.used == sum(region.size for region in live)
    for region in live:
        ring.free(region)
    assert ring.take(SIZE).offset == 0


def test_who_finds_no_room_waits_until_the_oldest_part_is_back() -> None:
    ring = Ring(SIZE, pinned=False)
    first, second = ring.take(SIZE // 2), ring.take(SIZE // 2)
    got: list[Region] = []
    thread = Thread(target=lambda: got.append(ring.take(ALIGN)))
    thread.start()
    ring.free(second)
    thread.join(0.05)
    assert not got, "the oldest part is still in use"
    ring.free(first)
    thread.join(10)
    assert got[0].offset == 0


def test_what_never_fits_is_refused() -> None:
    with pytest.raises(ValueError, match=f"a part has 1 to {SIZE} bytes, not {SIZE + ALIGN}"):
        Ring(SIZE, pinned=False).take(SIZE + 1)
    with pytest.raises(ValueError, match="a buffer has at least 64 bytes, not 3"):
        Ring(3, pinned=False)
