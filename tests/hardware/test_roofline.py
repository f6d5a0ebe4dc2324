"""Roofline."""

import numpy as np
import pytest

from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.model import model
from tests.hardware.samples import call

# A 13B model on one A100 under DeepSpeed: milliseconds of a forward pass by tokens, read off the chart in
# "DeepSpeed-FastGen: high-throughput text generation for LLMs via MII and DeepSpeed-Inference", 2023.
CURVE_MS = {64: 22, 128: 29, 256: 36, 384: 50, 512: 68, 640: 77, 768: 95, 896: 123, 1024: 130, 1280: 162, 1536: 188}
CURVE_MS[2048] = 257


@pytest.mark.paper
def test_the_measured_curve_of_a_13b_model_is_met() -> None:
    cost = Roofline()
    numbers = cost.tables(model("llama-2-13b"), device("a100-80gb"), 1)
    errors = {n: call(cost, numbers, [n], [0], [])[0] * 1e3 / ms - 1 for n, ms in CURVE_MS.items()}
    assert abs(errors.pop(128)) < 0.25  # the knee: both limits bind at once, which a roofline does not know
    assert np.mean(np.abs(list(errors.values()))) < 0.07
    assert max(abs(error) for error in errors.values()) < 0.14


def test_few_tokens_are_bound_by_the_weights_and_many_by_arithmetic() -> None:
    cost = Roofline(overhead=0.0)
    found, card = model("llama-3.1-8b"), device("h100")
    numbers = cost.tables(found, card, 1)
    weights = (found.parameters - found.vocabulary * found.hidden) * 2
    assert call(cost, numbers, [1], [0], [])[0] == pytest.approx(weights / (0.75 * card.bandwidth), rel=1e-3)
    many = call(cost, numbers, [8192], [0], [])[0]
    arithmetic = 2 * found.active_parameters * 8192 + 2 * 32 * 32 * 256 * 8192**2 / 2
    assert many == pytest.approx(arithmetic / (0.65 * card.flops), rel=1e-9)


def test_a_lone_token_reads_only_the_experts_it_visits() -> None:
    cost = Roofline(overhead=0.0)
    found, card = model("mixtral-8x7b"), device("h200")
    numbers = cost.tables(found, card, 1)
    one, many = (call(cost, numbers, [], [], [1] * batch)[0] for batch in (1, 64))
    assert one == pytest.approx(found.active_parameters * 2 / (0.75 * card.bandwidth), rel=0.01)
    assert many > 3 * one


def test_more_devices_split_the_work_and_pay_for_sums() -> None:
    cost = Roofline(overhead=0.0)
    found, card = model("llama-3-70b"), device("h100")
    four, eight = (call(cost, cost.tables(found, card, t), [], [], [500])[0] for t in (4, 8))
    assert four / 2 < eight < four
    assert eight - four / 2 == pytest.approx(2 * 80 * (15e-6 - 11e-6 / 2), rel=0.25)  # measured small all-reduces


@pytest.mark.parametrize("wrong", [{"compute": 0.0}, {"memory": 1.5}, {"overhead": -1.0}])
def test_senseless_fields_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Roofline(**wrong)
