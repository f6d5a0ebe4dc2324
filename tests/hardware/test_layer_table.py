"""Measured layers as a cost model."""

import numpy as np
import pytest

from evenly.hardware.costs.layer_table import LAYERS_MS, TOKENS, LayerTable
from evenly.hardware.device import device
from evenly.hardware.model import model
from tests.hardware.samples import call


@pytest.mark.parametrize(("on", "of", "tensor"), LAYERS_MS)
def test_the_published_points_are_met_exactly(on: str, of: str, tensor: int) -> None:
    bare = LayerTable(head=0.0, host=0.0)
    found = model(of)
    numbers = bare.tables(found, device(on), tensor)
    numbers[[2, 3, 4, 5, 6, 7, 8, 9]] = 0.0  # no attention, no all-reduce: layers alone
    for tokens, ms in zip(TOKENS, LAYERS_MS[on, of, tensor], strict=True):
        seconds = bare.seconds(np.array([tokens]), np.zeros(1, np.int64), 0, 0.0, 0, numbers)[0]
        assert seconds == pytest.approx(found.layers * ms * 1e-3, rel=1e-12)


def test_head_and_host_are_added_once_a_pass() -> None:
    found, card = model("llama-3-8b"), device("a100-80gb")
    plain, bare = LayerTable(), LayerTable(head=0.0, host=0.0)
    more = call(plain, plain.tables(found, card, 1), [64], [0], [100] * 8)[0]
    less = call(bare, bare.tables(found, card, 1), [64], [0], [100] * 8)[0]
    assert more - less == pytest.approx(0.007)


def test_decode_attention_is_a_fixed_part_a_part_by_request_and_the_reading_of_the_cache() -> None:
    found, card = model("llama-3-8b"), device("a100-80gb")
    cost = LayerTable(head=0.0, host=0.0)
    numbers = cost.tables(found, card, 1)
    seconds = call(cost, numbers, [], [], [1000] * 32)[0]
    layers = 32 * (0.343e-3 + 34e-6 + 32 * 2.4e-8)
    assert seconds == pytest.approx(layers + 32_000 * 131_072 / 1.77e12, rel=1e-9)


def test_the_rate_of_attention_can_be_set() -> None:
    found, card = model("llama-3-8b"), device("a100-80gb")
    fast, slow = LayerTable(prefill_flops=300e12), LayerTable()
    gain = call(slow, slow.tables(found, card, 1), [2048], [0], [])[0]
    gain -= call(fast, fast.tables(found, card, 1), [2048], [0], [])[0]
    pairs = 2048 * 1024
    assert gain == pytest.approx(32 * 4 * pairs * 32 * 128 * (1 / 150e12 - 1 / 300e12), rel=1e-9)


def test_models_of_the_same_shape_share_a_table() -> None:
    cost, card = LayerTable(), device("a100-80gb")
    old, new = (cost.tables(model(name), card, 1) for name in ("llama-3-8b", "llama-3.1-8b"))
    assert (old == new).all()


def test_a_layer_that_was_not_measured_is_named_with_what_is_known() -> None:
    with pytest.raises(ValueError, match="no measured layers of phi-4 on 1 x h100; known: llama-3-8b on 1 x a100-80gb"):
        LayerTable().tables(model("phi-4"), device("h100"), 1)


@pytest.mark.parametrize("wrong", [{"head": -1.0}, {"host": -1.0}, {"prefill_flops": 0.0}, {"decode_bandwidth": -1.0}])
def test_senseless_fields_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LayerTable(**wrong)
