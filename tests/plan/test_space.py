"""Layouts: how many there are, which can be, and what the usual rule is."""

from itertools import pairwise
from math import gcd
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.hardware.model import model, models
from evenly.plan.layout import Layout, fault
from evenly.plan.space import divisors, heuristic, layouts, shapes


def test_the_space_of_eighty_blocks_and_two_cells_has_the_published_sizes() -> None:
    counts = [sum(1 for _ in shapes(2**k, 80)) for k in range(1, 8)]
    assert counts == [5, 14, 30, 55, 90, 135, 190]


@given(devices=st.integers(1, 48), blocks=st.integers(1, 96))
def test_shapes_are_all_that_the_rules_allow(devices: int, blocks: int) -> None:
    every = {
        (r, s, a, n)
        for r in divisors(devices)
        for s in divisors(devices // r)
        for a in divisors(devices // (r * s))
        for n in divisors(devices // (r * s))
        if blocks % s == 0 and gcd(a, n) == 1 and (a % n == 0 or n % a == 0)
    }
    found = [(one.replicas, one.stages, one.attention, one.network) for one in shapes(devices, blocks)]
    assert sorted(found) == sorted(every)
    assert all(one.devices == devices for one in shapes(devices, blocks))


@pytest.mark.parametrize("name", models())
@pytest.mark.parametrize("devices", [1, 4, 8, 16])
def test_no_layout_of_a_model_has_a_fault(name: str, devices: int) -> None:
    found = layouts(model(name), devices, 8)
    assert len(set(found)) == len(found)
    assert not [one for one in found if fault(one, model(name), 8)]


def test_experts_are_divided_in_both_ways() -> None:
    ways = {one.experts for one in layouts(model("mixtral-8x7b"), 8, 8)}
    assert ways == {"tensor", "expert"}
    assert {one.experts for one in layouts(model("llama-3-70b"), 8, 8)} == {"tensor"}


def test_the_usual_rule_is_tensor_inside_a_machine_and_a_pipeline_across() -> None:
    assert heuristic(model("llama-3-70b"), 8, 8) == Layout(tensor=8)
    assert heuristic(model("llama-3-70b"), 32, 8) == Layout(stages=4, tensor=8)
    assert heuristic(model("llama-3-70b"), 4, 8) == Layout(tensor=4)


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        (Layout(tensor=3), "machines of 8"),
        (Layout(tensor=12), "machines of 8"),
        (Layout(stages=96), "layers"),
        (Layout(tensor=128), "heads"),
        (Layout(tensor=4, experts="expert"), "experts"),
    ],
)
def test_a_layout_that_cannot_be_says_why(layout: Layout, why: str) -> None:
    assert why in fault(layout, model("llama-3-70b"), 8)


@pytest.mark.parametrize(
    "wrong", [{"tensor": 0}, {"tensor": 8, "attention": 3}, {"tensor": 8, "attention": 2, "network": 2}]
)
def test_numbers_that_make_no_layout_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not"):
        Layout(**wrong)


def test_titles_tell_layouts_apart() -> None:
    titles = [one.title for one in layouts(model("mixtral-8x7b"), 16, 8)]
    assert len(set(titles)) == len(titles)
    assert all(a != b for a, b in pairwise(sorted(titles)))
