"""Contexts move between two arenas while others go on: every bit comes back, and nothing is used too early."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Ints
from evenly.hosts.arenas.arena import arena, copy, paired
from evenly.hosts.arenas.copier import DEVICE, IN, OUT, Copier, Task, overlap
from evenly.hosts.arenas.memory import Memory
from evenly.hosts.arenas.shadow import Shadow
from evenly.hosts.arenas.storm import OWNERS, Storm
from evenly.hosts.arenas.switching import Switching
from evenly.hosts.decoder import Cache, Network, Shape, forward
from evenly.hosts.phases.serve import Text

SHAPE = Shape(layers=2, width=32, heads=2, vocabulary=200, context=256)


def texts(seed: int, count: int = 16) -> dict[int, Text]:
    chance = np.random.default_rng(seed)
    return {
        i: Text(chance.integers(0, SHAPE.vocabulary, int(chance.integers(1, 60))), int(chance.integers(5, 40)))
        for i in range(count)
    }


def alone(network: Network, text: Text) -> list[int]:
    tokens: list[int] = []
    for _ in range(text.output):
        whole = np.concatenate([text.prompt, np.array(tokens, np.int64)])
        tokens.append(int(forward(network, [(Cache(SHAPE), whole)])[0]))
    return tokens


def moves(*rows: tuple[int, int, int]) -> Ints:
    return np.array(rows, np.int64).reshape(-1, 3)


@pytest.mark.parametrize(("seed", "host"), [(0, 15), (1, 40), (2, 1)])
def test_tokens_are_those_of_each_text_computed_alone(seed: int, host: int) -> None:
    network, asked = Network(SHAPE, seed), texts(seed)
    serving = Switching(asked, network, seed, device=12, host=host)
    found = serving.serve()
    assert found == {i: alone(network, text) for i, text in asked.items()}
    assert serving.switches + serving.anew > 20
    assert serving.anew > 0 or host == 40, "a full host means computing anew"
    assert serving.wrong == serving.memory.shadow.early == 0
    assert [pool.available for pool in serving.memory.pools] == [12, host]


@pytest.mark.parametrize("seed", range(3))
def test_every_bit_comes_back_from_random_swaps(seed: int) -> None:
    with Memory(8, 256, device=60, host=80, owners=OWNERS) as memory:
        storm = Storm(memory, seed)
        storm.rage(1000)
    assert memory.shadow.copies > 200
    assert storm.full > 0
    assert storm.wrong == memory.shadow.early == 0
    assert [pool.available for pool in memory.pools] == [60, 80]


def test_a_page_that_leaves_is_waited_for_and_others_are_not() -> None:
    device, host, shadow = arena(2, 8, 4), arena(2, 8, 4), Shadow()
    device[:] = np.arange(8, dtype=np.float16)[None, :, None]
    gate = Task(-1, OUT, moves(), ())
    with Copier(device, host, shadow) as copier:
        leaving = copier.submit(OUT, moves((0, 4, 3)), after=[gate])
        assert copier.settle(DEVICE, np.array([[3, 5]])) == 0, "its neighbours are free to use"
        coming = copier.submit(IN, moves((4, 6, 2)))  # reads on the host what the first writes there
        assert coming.after == [leaving]
        assert copier.conflicts(DEVICE, np.array([[2, 1]])) == [leaving]
        shadow.computed(np.array([2]))
        assert shadow.early == 1, "the examiner sees who did not wait"
        gate.done.set()
        coming.wait()
        assert leaving.done.is_set()
        assert copier.conflicts(DEVICE, np.array([[0, 8]])) == []
    assert np.array_equal(device[0, 6:, 0], [0, 1])
    assert shadow.early == 1


def test_what_goes_wrong_in_a_copy_is_raised_where_it_is_waited_for() -> None:
    with Copier(arena(1, 2, 1), arena(1, 2, 1), Shadow()) as copier:
        task = copier.submit(OUT, moves((0, 1, 2)))
        with pytest.raises(ValueError, match="could not broadcast"):
            task.wait()
        copier.submit(OUT, moves((0, 1, 1))).wait()


def test_a_context_counts_as_arrived_only_with_its_last_page() -> None:
    with Memory(2, 4, device=4, host=4, owners=1) as memory:
        assert memory.grow(0, 4, 1)
        bits = np.random.default_rng(0).integers(0, 1 << 16, (2, 4, 4), np.uint16).view(np.float16)
        memory.write(0, bits)
        assert memory.leave(0)
        assert memory.come(0, 1)
        memory.wait(0)
        assert memory.arrived(0)
        assert np.array_equal(memory.read(0).view(np.uint16), bits.view(np.uint16))


def test_a_text_larger_than_the_device_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 pages of 16 tokens, but the device has 1"):
        Switching({0: Text(np.zeros(20, np.int64), 2)}, Network(SHAPE, 0), 0, device=1, host=1)


sides = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@given(sides, sides)
def test_moves_are_those_of_single_pages(one: list[int], other: list[int]) -> None:
    total = min(sum(one), sum(other))

    def runs(sizes: list[int], step: int) -> Ints:
        cut = np.diff(np.minimum(np.cumsum([0, *sizes]), total))
        return np.array([[step * k, size] for k, size in enumerate(cut) if size], np.int64)

    source, target = runs(one, 7), runs(other, 9)
    made = paired(source, target)
    pages = [(a + k, b + k) for a, b, n in made.tolist() for k in range(n)]
    singly = [[p + k for p, n in side.tolist() for k in range(n)] for side in (source, target)]
    assert pages == list(zip(*singly, strict=True))
    breaks = (np.diff(singly[0]) != 1) | (np.diff(singly[1]) != 1)
    assert len(made) == 1 + int(breaks.sum())


runs_of = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), min_size=1, max_size=5)


@given(runs_of, runs_of)
def test_intervals_conflict_where_they_share_a_page(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    found = overlap(np.array(one), np.array(other))
    for k, (a, n) in enumerate(one):
        for j, (b, m) in enumerate(other):
            assert found[k, j] == bool(set(range(a, a + n)) & set(range(b, b + m)))


@pytest.mark.parametrize("shift", [0, 16])
def test_an_arena_begins_where_it_is_told_to(shift: int) -> None:
    for pages in (1, 7, 1000):
        made = arena(3, pages, 5, shift)
        assert made.ctypes.data % 4096 == shift
        assert made.shape == (3, pages, 5)
        assert made.flags.c_contiguous


def test_copies_by_group_and_by_page_move_the_same() -> None:
    source, one, other = (arena(3, 10, 5) for _ in range(3))
    source[:] = np.random.default_rng(0).standard_normal(source.shape)
    copy(source, one, moves((2, 5, 4)))
    copy(source, other, moves(*((2 + k, 5 + k, 1) for k in range(4))))
    assert np.array_equal(one, other)
    assert np.array_equal(one[:, 5:9], source[:, 2:6])
