"""The report of a trace."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from evenly.report import measured
from evenly.report.charts.arrivals import arrivals
from evenly.report.charts.lengths import lengths
from evenly.traces.describe import describe
from tests.report.samples import HOSTILE, trace
from tests.report.test_page import Elements, specs


def test_arrivals_picture_keeps_every_request() -> None:
    made = trace()
    spec = arrivals(made)
    assert spec is not None
    rows = spec["data"]["values"]
    assert sum(row["rate"] for row in rows) * made.span / len(rows) == pytest.approx(len(made), rel=1e-2)


def test_length_pictures_keep_every_request() -> None:
    for spec in lengths(trace()):
        assert sum(row["share"] for row in spec["layer"][0]["data"]["values"]) == pytest.approx(1, abs=1e-3)


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


def test_page_and_terminal_say_what_stands_out() -> None:
    made = trace()
    described = describe(made)
    console = Console(file=io.StringIO(), width=400)
    console.print(measured.render(described))
    said = measured.sentence(described)
    assert said.startswith("A fleet sized for the busiest minute would stand idle for ")
    assert "burstier than Poisson" in said
    assert said in console.file.getvalue().replace("\n", " ")  # type: ignore[attr-defined]
    assert said in "".join(Elements(measured.page(described, made)).texts)


def test_shares_and_times_have_their_units() -> None:
    texts = Elements(measured.page(describe(trace()), trace())).texts
    assert "1 min" in texts
    assert any(text.endswith("%") for text in texts)
    assert "Top 1%" in texts


def test_name_of_a_file_is_the_title_and_the_note_of_its_reader_is_not() -> None:
    found = Elements(measured.page({}, replace(trace(), origin="a.jsonl (times in ms)")))
    assert "a.jsonl" in found.texts
    assert any(text.endswith("· times in ms") for text in found.texts)


def test_every_figure_of_a_description_has_a_plain_json_form() -> None:
    json.dumps(measured.plain(describe(trace())), allow_nan=False)
