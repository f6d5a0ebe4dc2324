"""Passes whose operations run side by side."""

import numpy as np
import pytest

from evenly.hardware.costs.nanoflow import Nanoflow
from evenly.hardware.device import device
from evenly.hardware.model import model
from tests.hardware.contract import random_pass
from tests.hardware.samples import call

SEVENTY, CARD = model("llama-2-70b"), device("a100-80gb")
ALONE = Nanoflow(overlap="none", head=0.0)
FREE = Nanoflow(interference="none", head=0.0)


def test_the_published_pass_unsplit_takes_its_kernels_one_after_the_other() -> None:
    numbers = ALONE.tables(SEVENTY, CARD, 8)
    seconds = call(ALONE, numbers, [768], [128], [1024] * 1280)[0]  # 128 + 768 / 2: half of the context on average
    assert seconds / 80 == pytest.approx(2.92e-3, rel=0.005)


def test_side_by_side_no_pass_is_slower_than_unsplit_and_a_large_one_is_faster() -> None:
    alone, free = ALONE.tables(SEVENTY, CARD, 8), FREE.tables(SEVENTY, CARD, 8)
    chance = np.random.default_rng(4)
    for _ in range(300):
        given = random_pass(chance)
        assert call(FREE, free, *given)[0] <= call(ALONE, alone, *given)[0] * (1 + 1e-12)
    large = [768], [128], [1024] * 1280
    assert call(FREE, free, *large)[0] < 0.8 * call(ALONE, alone, *large)[0]


def test_a_pass_too_small_to_be_split_is_not() -> None:
    alone, free = ALONE.tables(SEVENTY, CARD, 8), FREE.tables(SEVENTY, CARD, 8)
    for tokens in (1, 64, 200, 256):
        assert call(FREE, free, [], [], [500] * tokens) == call(ALONE, alone, [], [], [500] * tokens)


def test_a_model_that_was_not_measured_is_named() -> None:
    with pytest.raises(ValueError, match="no measured operations of phi-4 on 1 x h100"):
        Nanoflow().tables(model("phi-4"), device("h100"), 1)


@pytest.mark.parametrize("wrong", [{"head": -1.0}, {"host": float("inf")}])
def test_senseless_fields_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="head and host are at least 0 seconds"):
        Nanoflow(**wrong)  # type: ignore[arg-type]
