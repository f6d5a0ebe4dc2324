"""What is exchanged in a layer, against formulas by hand."""

import pytest

from evenly.hardware.model import model
from evenly.plan.layout import Layout
from evenly.plan.reshard import Gathers, exchanges

SEVENTY = model("llama-3-70b")
MIXTRAL = model("mixtral-8x7b")
TOKENS = 64


def sent(layout: Layout, of: object = SEVENTY) -> float:
    """Return the bytes that all devices of a stage send for a layer."""
    architecture = MIXTRAL if of is MIXTRAL else SEVENTY
    parts = exchanges(layout, architecture, "engine")
    return sum(layout.tensor // part.devices * part.moved(TOKENS, architecture) for part in parts)


def activation(of: object = SEVENTY) -> float:
    """Return the bytes of the activations of all tokens."""
    return TOKENS * 2.0 * (MIXTRAL if of is MIXTRAL else SEVENTY).hidden


def kinds(layout: Layout, gathers: Gathers = "engine") -> list[tuple[str, int, float]]:
    """Return kind, devices and share of each collective."""
    architecture = MIXTRAL if layout.experts == "expert" else SEVENTY
    return [(part.kind, part.devices, part.share) for part in exchanges(layout, architecture, gathers)]


def test_one_device_exchanges_nothing() -> None:
    assert kinds(Layout()) == []
    assert kinds(Layout(replicas=4, stages=2)) == []


@pytest.mark.parametrize("width", [2, 4, 8])
def test_equal_copies_add_up_twice_a_layer(width: int) -> None:
    assert kinds(Layout(tensor=width)) == [("all-reduce", width, 1.0)] * 2
    assert sent(Layout(tensor=width)) == 2 * 2 * (width - 1) * activation()


@pytest.mark.parametrize(("width", "copies"), [(2, 2), (4, 2), (8, 4), (8, 8)])
def test_fewer_copies_scatter_and_gather_on_more_devices(width: int, copies: int) -> None:
    n = width // copies
    layout = Layout(tensor=width, attention=copies)
    there = [("reduce-scatter", n, 1 / copies)] if n > 1 else []
    there.append(("all-gather", width, 1.0))
    back = [("reduce-scatter", width, 1.0)] + ([("all-gather", n, 1 / copies)] if n > 1 else [])
    assert kinds(layout) == [*there, *back]
    inside = 2 * copies * (n - 1) * activation() / copies
    assert sent(layout) == pytest.approx(inside + 2 * (width - 1) * activation())


@pytest.mark.parametrize(("width", "copies"), [(4, 2), (8, 4)])
def test_more_copies_gather_on_fewer_devices(width: int, copies: int) -> None:
    n = width // copies
    found = kinds(Layout(tensor=width, network=copies))
    assert found == [
        ("reduce-scatter", width, 1.0),
        ("all-gather", n, 1 / copies),
        ("reduce-scatter", n, 1 / copies),
        ("all-gather", width, 1.0),
    ]


def test_the_public_code_gathers_the_halves_of_a_gated_network() -> None:
    assert kinds(Layout(tensor=8), gathers="published") == [
        ("all-reduce", 8, 1.0),
        ("all-reduce", 8, 1.0),
        ("all-gather", 8, 1.0),
    ]
    assert kinds(Layout(tensor=8, attention=4), gathers="published")[2:] == [
        ("all-reduce", 8, 1.0),
        ("all-to-all", 8, 1.0),
        ("all-gather", 2, 0.25),
    ]


def test_whole_experts_take_every_token_as_often_as_it_visits_one() -> None:
    assert kinds(Layout(tensor=8, experts="expert")) == [
        ("reduce-scatter", 8, 1.0),
        ("all-to-all", 8, 2.0),
        ("all-to-all", 8, 2.0),
        ("all-gather", 8, 1.0),
    ]
    assert sent(Layout(tensor=8, experts="expert"), MIXTRAL) == pytest.approx(6 * 7 * activation(MIXTRAL))
