"""Stages of unequal layers: against every division of the layers, and in what they hold."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.hardware.device import device
from evenly.hardware.model import Model, model
from evenly.plan.candidate import evaluate
from evenly.plan.cost import Passes, seconds, stage_bytes, tables
from evenly.plan.flags import sglang, vllm
from evenly.plan.layout import Layout, fault
from evenly.plan.room import room
from evenly.plan.search import FORMS, search
from evenly.plan.space import uneven
from tests.plan.samples import requests, scenario

EIGHT = model("llama-3-8b")
CARD = device("h100")
EMPTY = np.zeros(0, np.int64)


def compositions(layers: int, stages: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to divide layers into stages."""
    for cuts in itertools.combinations(range(1, layers), stages - 1):
        yield tuple(b - a for a, b in itertools.pairwise((0, *cuts, layers)))


def stage_seconds(network: Model, layers: int, head: bool, chunk: int, decodes: int, context: float) -> float:
    """Return the seconds of a pass on one stage, timed by itself."""
    sent = np.array([chunk]) if chunk else EMPTY
    alone = Layout(stages=2, layers=(layers, layers))
    numbers = tables(Passes(), network, CARD, 8, alone).own.copy()
    if not head:
        numbers[2] -= network.vocabulary * network.hidden * network.bytes / (CARD.bandwidth * Passes().memory)
    return seconds(sent, np.zeros(len(sent), np.int64), decodes, context, 0, numbers)[0]


def pace(network: Model, depths: tuple[int, ...], *asked: float) -> float:
    """Return the seconds of the slowest stage."""
    last = len(depths) - 1
    return max(stage_seconds(network, n, k == last, *asked) for k, n in enumerate(depths))  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(
    stages=st.integers(2, 6),
    layers=st.integers(6, 13),
    chunk=st.sampled_from([0, 0, 1, 200, 3000]),
    decodes=st.integers(1, 64),
    context=st.integers(1, 4000),
)
def test_no_division_of_all_is_faster_than_those_tried(
    stages: int, layers: int, chunk: int, decodes: int, context: int
) -> None:
    network = replace(EIGHT, layers=layers)
    asked = (chunk, decodes, float(decodes * context))
    inner = [0.0, *(stage_seconds(network, n, False, *asked) for n in range(1, layers + 1))]
    last = [0.0, *(stage_seconds(network, n, True, *asked) for n in range(1, layers + 1))]

    def slowest(depths: tuple[int, ...]) -> float:
        return max(max(inner[n] for n in depths[:-1]), last[depths[-1]])

    tried = [one.layers for one in uneven(network, stages, 8) if one.stages == stages]
    if layers % stages == 0:
        tried.append((layers // stages,) * stages)
    assert min(map(slowest, tried)) == pytest.approx(min(map(slowest, compositions(layers, stages))), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    layout=st.sampled_from([one for one in uneven(EIGHT, 8, 8) if one.tensor == 1]),
    chunk=st.sampled_from([0, 1, 700]),
    decodes=st.integers(1, 64),
    context=st.integers(1, 4000),
)
def test_a_pass_is_told_no_shorter_than_its_slowest_stage_and_hardly_longer(
    layout: Layout, chunk: int, decodes: int, context: int
) -> None:
    sent = np.array([chunk]) if chunk else EMPTY
    numbers = tables(Passes(), EIGHT, device("h100"), 8, layout).own
    told = seconds(sent, np.zeros(len(sent), np.int64), decodes, float(decodes * context), 0, numbers)[0]
    true = pace(EIGHT, layout.depths(EIGHT.layers), chunk, decodes, float(decodes * context))
    layer = 1 / min(layout.depths(EIGHT.layers))
    assert true * (1 - 1e-9) <= told <= true * (1 + 2 * layer)


@pytest.mark.parametrize("name", ["llama-3-8b", "llama-3-70b", "llama-2-13b"])
def test_every_division_holds_all_layers_and_fills_memory_in_its_fullest_stage(name: str) -> None:
    architecture, card = model(name), device("h100")
    for layout in uneven(architecture, 8, 8):
        assert sum(layout.depths(architecture.layers)) == architecture.layers
        try:
            tokens = room(architecture, card, layout, 1.0, 0.0)
        except ValueError:
            continue
        used = [weights + tokens * layout.stages * kv for weights, kv in stage_bytes(architecture, layout)]
        assert max(used) <= card.memory * (1 + 1e-9)
        assert max(used) == pytest.approx(card.memory, rel=1e-4)


def test_layers_that_equal_stages_would_not_divide_are_laid_as_vllm_lays_them() -> None:
    assert Layout(stages=4).depths(30) == (7, 8, 8, 7)
    assert Layout(stages=3).depths(32) == (11, 11, 10)
    assert Layout(stages=2).depths(31) == (16, 15)


def test_the_search_with_unequal_stages_is_no_worse_and_better_where_only_pipelines_fit_links() -> None:
    base = scenario(model="llama-3-8b", device="v100-pcie", node=4)
    trace = requests(80, 50.0)
    plain = search(base, 4, trace, "tpot_mean")
    more = search(base, 4, trace, "tpot_mean", forms=FORMS[:1])
    assert more.winner.figures["tpot_mean"] <= plain.winner.figures["tpot_mean"]
    four = {one.title: one.figures["tpot_mean"] for one in more.candidates if one.scenario.stages == 4}
    assert min(four, key=lambda title: four[title]).startswith("4PP, layers")


def test_vllm_is_told_the_layers_and_sglang_cannot_be() -> None:
    layout = Layout(stages=4, layers=(8, 9, 9, 6))
    made = evaluate(scenario(layout, model="llama-3-8b"), requests(10))
    assert vllm(made).lines[0].startswith("VLLM_PP_LAYER_PARTITION=8,9,9,6 vllm serve")
    assert sglang(made).lines == ()


def test_layers_that_are_not_those_of_the_model_are_refused() -> None:
    assert "sum to 30" in fault(Layout(stages=2, layers=(15, 15)), EIGHT, 8)
    with pytest.raises(ValueError, match="for each of 2 stages"):
        Layout(stages=2, layers=(32,))
