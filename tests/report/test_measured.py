"""The report of a trace."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from evenly.core.trace import Prefixes, Trace
from evenly.report import measured
from evenly.report.charts.arrivals import arrivals, dispersion
from evenly.report.charts.lengths import lengths
from evenly.report.charts.sharing import seen_before
from tests.report.samples import HOSTILE, trace
from tests.report.test_page import Elements, specs


def test_poisson_arrivals_have_a_dispersion_of_one_at_every_scale() -> None:
    chance = np.random.default_rng(5)
    scales, index = dispersion(np.cumsum(chance.exponential(1.0, 200_000)))
    short = scales < 1000  # long windows are few
    assert np.all(np.abs(index[short] - 1) < 0.15)


def test_gamma_arrivals_approach_their_squared_variation() -> None:
    chance = np.random.default_rng(6)
    scales, index = dispersion(np.cumsum(chance.gamma(0.25, 4.0, 200_000)))
    middle = (scales > 100) & (scales < 1000)
    assert index[middle] == pytest.approx(np.full(middle.sum(), 4.0), rel=0.2)


def test_arrivals_picture_keeps_every_request() -> None:
    made = trace()
    spec = arrivals(made)
    assert spec is not None
    rows = spec["data"]["values"]
    assert sum(row["rate"] for row in rows) * made.span / len(rows) == pytest.approx(len(made), rel=1e-2)


def test_length_pictures_keep_every_request() -> None:
    for spec in lengths(trace()):
        assert sum(row["share"] for row in spec["layer"][0]["data"]["values"]) == pytest.approx(1, abs=1e-3)


def test_block_is_new_once_and_seen_ever_after() -> None:
    prefixes = Prefixes(np.array([0, 2, 5]), np.array([7, 8, 7, 8, 9]), 16)
    pair = Trace(np.array([0.0, 1.0]), np.array([32, 48]), np.array([1, 1]), prefixes=prefixes)
    seen = seen_before(pair)
    assert seen is not None
    assert seen.tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("requests", [0, 1, 2])
def test_tiny_trace_has_a_page(requests: int) -> None:
    tiny = trace().take(np.arange(requests))
    assert "<h1>" in measured.page({}, tiny)


def test_trace_of_one_instant_has_a_page() -> None:
    burst = replace(trace(50), arrival=np.zeros(50))
    assert specs(measured.page({}, burst))


def test_hostile_descriptions_stay_text() -> None:
    described = {HOSTILE: {HOSTILE: [HOSTILE]}, "x": {"a": float("nan")}}
    mild = Elements(measured.page({"a": {"b": ["c"]}, "x": {"a": 1.0}}, trace()))
    found = Elements(measured.page(described, replace(trace(), origin=HOSTILE), title=HOSTILE))
    assert found.tags.count("script") == mild.tags.count("script")
    assert "img" not in found.tags


def test_terminal_shows_each_table_and_missing_figures_as_dashes() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(
        measured.render({"lengths": {"what": ["prompt"], "p99": np.array([1234])}, "[x]": {"a": float("nan")}})
    )
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Lengths" in text
    assert "1,234" in text
    assert "[x]" in text
    assert "\u2013" in text


def test_json_form_has_lists_and_nulls() -> None:
    assert measured.plain({"a": {"b": np.array([1.0, np.nan])}}) == {"a": {"b": [1.0, None]}}


@pytest.mark.parametrize("codes", [[3, 3, 9], [3, 3, 10**12]])
def test_tokens_add_up_by_code_however_far_codes_lie_apart(codes: list[int]) -> None:
    assert measured.by_code(np.array(codes), np.array([1.0, 2.0, 4.0])).tolist() == [3.0, 4.0]
