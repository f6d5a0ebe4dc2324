"""Experts on two processes and a link give the outputs of one, under every set of policies."""

import sys
from threading import Event

import numpy as np
import pytest

from evenly.core import Ints
from evenly.hosts.experts.link import Link
from evenly.hosts.experts.measure import SETUPS, run
from evenly.hosts.experts.network import Size, drawn
from evenly.hosts.experts.places import Places
from evenly.offload.warmup import fitted

SMALL = Size(layers=3, experts=8, active=2, width=32, inner=64, batch=4)


def test_every_set_of_policies_gives_the_outputs_of_a_plain_forward_pass() -> None:
    pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")
    found, apart, costs = run(SMALL, passes=5, seed=1, rate=50e6)
    assert set(found) == set(SETUPS)
    assert apart <= 1e-5
    assert costs.transfer >= 4 * SMALL.floats / 50e6, "the link is no faster than it may be"
    assert not found["offloading"].cpu, "the CPU computes nothing where everything is moved"
    computed_there = {name: len(record.device) + len(record.cpu) for name, record in found.items()}
    assert len(set(computed_there.values())) == 1, "each expert that is asked for is computed once"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"needs the extra: pip install 'evenly\[torch\]'"):
        run(SMALL, passes=1, seed=0)


def test_visits_by_token_and_by_pass_agree() -> None:
    visits = drawn(SMALL, 3, 0)
    for t in range(3):
        for layer in range(SMALL.layers):
            counted = np.bincount(visits.experts[t, layer].ravel(), minlength=SMALL.experts)
            assert counted.tolist() == visits.asked.loads[t, layer].tolist()
    assert np.allclose(visits.weights.sum(axis=3), 1.0)


@pytest.fixture
def link() -> Link:
    store = np.arange(6 * 64, dtype=np.float32).reshape(6, 64)
    return Link(store, np.zeros((8, 64), np.float32), np.zeros(8, np.int64), 1e9, None)


def test_a_link_moves_what_is_asked_for_before_what_is_prefetched(link: Link) -> None:
    order: list[tuple[int, int]] = []
    gate, begun = Event(), Event()
    copy = link._copy

    def held(expert: int, slot: int, start: float) -> None:
        begun.set()
        gate.wait(10)
        order.append((expert, slot))
        copy(expert, slot, start)

    link._copy = held  # type: ignore[method-assign]
    link.send(0, 0)
    assert begun.wait(10)
    ahead, asked = link.send(1, 1, ahead=True), link.send(2, 2)
    gate.set()
    link.drain()
    assert order == [(0, 0), (2, 2), (1, 1)]
    assert [link.arrived[slot] for slot in (1, 2)] == [ahead, asked]
    assert np.array_equal(link.pool[2], link.store[2])
    link.close()


def test_a_layer_keeps_its_number_of_places_and_nobody_in_use_leaves(link: Link) -> None:
    resident = np.zeros((2, 3), np.bool_)
    resident[:, :2] = True
    places = Places(np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.4]]), resident, 8, link, moves=True)

    def held(layer: int) -> Ints:
        link.drain()
        return np.flatnonzero(places.slot[layer] >= 0)

    places.enter(0, 2, np.array([0, 0, 1]))
    assert held(0).tolist() == [0, 2], "the lowest value leaves"
    places.enter(1, 2, np.array([1, 0, 1]))
    assert held(1).tolist() == [0, 2], "who is asked for stays"
    places.enter(1, 1, np.array([1, 1, 1]))
    assert held(1).tolist() == [0, 1, 2]
    places.leave(1)
    assert held(1).tolist() == [0, 2], "beside the others nobody stays"
    assert np.array_equal(link.pool[places.slot[1, 2]], link.store[5])
    link.close()


def test_a_warm_up_finds_the_costs_that_made_its_samples_although_the_machine_pauses() -> None:
    chance = np.random.default_rng(0)
    samples = []
    for k in range(60):
        tokens = int(chance.integers(1, 9))
        samples.append((k % 5 == 0, tokens, 0.3 * (k % 5 == 0) + 0.2 * tokens + (5.0 if k % 11 == 3 else 0.0)))
    costs = fitted(samples, [0.1, 0.1, 9.0], [0.5, 0.5, 0.6])
    assert (costs.first, costs.token) == pytest.approx((0.3, 0.2), rel=0.02)
    assert (costs.device, costs.transfer) == (0.1, 0.5)
    with pytest.raises(ValueError, match="a warm-up measures every side: 60, 0 and 1 samples"):
        fitted(samples, [], [1.0])
