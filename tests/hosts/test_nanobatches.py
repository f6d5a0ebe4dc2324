"""Nano-batches on two threads compute what one piece computes."""

import numpy as np
import pytest

from evenly.hosts.decoder import Cache, Network, Shape
from evenly.hosts.nanobatches import logits, measure, overlapped

NETWORK = Network(Shape(layers=2, width=64, heads=4, vocabulary=200, context=256), 1)


@pytest.mark.parametrize("requests", [1, 2, 7])
def test_two_nano_batches_on_two_threads_give_the_outputs_of_one_piece(requests: int) -> None:
    chance = np.random.default_rng(requests)
    prompts = [chance.integers(0, 200, size) for size in chance.integers(1, 60, requests)]
    one, two = ([(Cache(NETWORK.shape), tokens) for tokens in prompts] for _ in range(2))
    for _ in range(3):
        alone, side = logits(NETWORK, one), overlapped(NETWORK, two)
        assert np.abs(alone - side).max() <= 1e-5 * np.abs(alone).max()
        assert (alone.argmax(axis=1) == side.argmax(axis=1)).all()
        following = alone.argmax(axis=1)
        one = [(cache, token[None]) for (cache, _), token in zip(one, following, strict=True)]
        two = [(cache, token[None]) for (cache, _), token in zip(two, following, strict=True)]


def test_the_measured_gain_is_a_positive_number_and_the_difference_rounding() -> None:
    gain, apart = measure(NETWORK, np.array([5, 20, 40]), seed=0, rounds=2)
    assert gain > 0
    assert apart <= 1e-5
