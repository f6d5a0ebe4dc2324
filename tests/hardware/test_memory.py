"""Capacity of the KV cache."""

import pytest

from evenly.hardware.device import device
from evenly.hardware.memory import ACTIVATION, UTILISATION, kv_tokens, memory_facts
from evenly.hardware.model import model


def test_an_8b_model_leaves_an_a100_the_room_that_is_left() -> None:
    found, card = model("llama-3.1-8b"), device("a100-80gb")
    room = card.memory * UTILISATION - ACTIVATION - found.weight_bytes
    assert kv_tokens(found, card, 1) == int(room / 131_072)


def test_a_measured_capacity_is_met_within_five_percent() -> None:
    # vLLM 0.28 reported 574,608 tokens for this model and card at a share of 0.92.
    tokens = kv_tokens(model("llama-3.1-8b"), device("rtx-pro-6000"), 1, utilisation=0.92)
    assert tokens == pytest.approx(574_608, rel=0.05)


def test_a_model_that_does_not_fit_says_how_much_is_missing() -> None:
    with pytest.raises(ValueError, match=r"llama-3-70b does not fit into 1 x a100-80gb: 141.1 GB of weights, 65.8 GB"):
        kv_tokens(model("llama-3-70b"), device("a100-80gb"), 1)
    assert kv_tokens(model("llama-3-70b"), device("a100-80gb"), 4) > 0


def test_more_devices_leave_more_room() -> None:
    rooms = [kv_tokens(model("llama-3-8b"), device("a100-80gb"), tensor) for tensor in (1, 2, 4, 8)]
    assert rooms == sorted(rooms)
    assert rooms[1] > 2 * rooms[0]


@pytest.mark.parametrize(
    ("tensor", "share", "activation", "message"),
    [
        (0, 0.9, 0.0, "tensor is at least 1 device, not 0"),
        (1, 1.5, 0.0, "utilisation is a share above 0 and at most 1, not 1.5"),
        (1, 0.9, -1.0, "activation is at least 0 bytes, not -1.0"),
    ],
)
def test_senseless_wishes_are_refused(tensor: int, share: float, activation: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kv_tokens(model("llama-3-8b"), device("h100"), tensor, share, activation)


def test_the_assumptions_are_printed() -> None:
    assert memory_facts() == {"memory share": 0.9, "activation bytes": 2e9}
