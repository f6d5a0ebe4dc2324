"""Shares in a scenario: used by variants with two lanes, passed over by others that inherit them, else a mistake."""

import pytest

from evenly.core import Document
from evenly.serve.scenario import ServeScenario
from evenly.serve.shares.static import Static
from evenly.sweep.idle import variants
from evenly.sweep.plan import cells
from evenly.sweep.scenarios import scenario_of

BASE = "kind: serve\ntrace: {use: poisson, rate: 5, requests: 9}\nshares: {use: static, decode: 50}\n"
ONE, TWO, APART = "  one: {engine: vllm-v1}\n", "  two: {engine: semi-pd}\n", "  apart: {engine: disaggregated}\n"


def held(text: str) -> dict[str, Static | None]:
    """Return the shares of each run of a scenario."""
    found = {}
    for cell in cells(Document.parse(text)):
        made = scenario_of(cell.document)
        assert isinstance(made, ServeScenario)
        assert made.shares is None or isinstance(made.shares, Static)
        found[cell.label] = made.shares
    return found


def test_a_variant_with_one_lane_passes_over_shares_that_it_inherits() -> None:
    assert held(f"{BASE}compare:\n{ONE}{TWO}{APART}") == {"one": None, "two": Static(decode=50.0), "apart": None}
    assert set(variants(Document.parse(f"{BASE}compare:\n{ONE}{TWO}"))["one"].raw) == {"kind", "trace", "engine"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{BASE}engine: vllm-v1\n", "scenario:3"),
        (f"{BASE}engine: disaggregated\n", "scenario:3"),
        (f"{BASE}compare:\n{ONE}{APART}", "scenario:3"),
        (f"{BASE}compare:\n{ONE[:-2]}, shares: slo-controller}}\n{TWO}", "scenario:5"),
        (f"{BASE}compare:\n{ONE[:-2]}, shares.decode: 30}}\n{TWO}", "scenario:3"),
    ],
)
def test_shares_that_no_engine_asks_are_a_mistake_with_its_place(text: str, place: str) -> None:
    said = f"{place}: shares divide a device between prompts and decodes, but engine .* has no two lanes on one; leave"
    with pytest.raises(ValueError, match=said):
        cells(Document.parse(text))


def test_a_sweep_over_shares_keeps_one_lane_beside_it() -> None:
    plan = cells(Document.parse(f"{BASE}compare:\n{ONE}{TWO}"), over={"shares.decode": [30, 60]})
    told = [cell.document.raw.get("shares") for cell in plan]
    assert told == [None, None, {"use": "static", "decode": 30}, {"use": "static", "decode": 60}]
