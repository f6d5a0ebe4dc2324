"""The page of a comparison as a file."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from evenly.core import Metric
from evenly.report import page
from evenly.serve.metrics import METRICS
from tests.report.samples import HOSTILE, empty, outcome


class Elements(HTMLParser):
    """Count the elements of a page, and keep its texts and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def specs(text: str) -> list[dict[str, object]]:
    """Return the pictures of a page."""
    return [
        json.loads(found) for found in re.findall(r"<script type='application/json'>(.*?)</script>", text, re.DOTALL)
    ]


def test_page_shows_every_figure_with_its_unit() -> None:
    one = outcome()
    text = page.render([one, outcome("slow", slow=2.0)], title="A title", metrics=METRICS)
    for figure in ("9 req/s", "4.5 req/s", "40 ms", "80 ms", "0.3 J/token"):
        assert f">{figure}</td>" in text
    assert "<h1>A title</h1>" in text
    assert "first-come wins" in text


def test_best_figure_of_a_row_is_marked_and_the_worse_one_is_not() -> None:
    text = page.render([outcome("fast"), outcome("slow", slow=2.0)], title="", metrics=METRICS)
    assert "<td class=best>9 req/s</td><td>4.5 req/s</td>" in text


def test_page_points_to_nothing_outside_itself() -> None:
    found = Elements(page.render([outcome(), outcome("other")], title="t", metrics=METRICS))
    addresses = [value for name, value in found.attributes if name in ("src", "href", "srcset", "action", "data")]
    assert addresses == ["data:,"]  # the icon


def test_hostile_names_stay_text() -> None:
    evil = outcome(HOSTILE)
    metrics = (Metric("goodput", HOSTILE, "req/s", "higher", HOSTILE), *METRICS[1:])
    mild = Elements(page.render([outcome("b"), outcome("a")], title="t", subtitle="s", metrics=METRICS))
    found = Elements(page.render([evil, outcome("a")], title=HOSTILE, subtitle=HOSTILE, metrics=metrics))
    assert found.tags.count("script") == mild.tags.count("script")
    assert "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert any(HOSTILE in text for text in found.texts)


def test_title_with_placeholders_of_the_template_is_kept() -> None:
    assert "<h1>$title costs $$5 ${body}</h1>" in page.render(
        [outcome()], title="$title costs $$5 ${body}", metrics=METRICS
    )


def test_pictures_hold_a_few_thousand_points_however_long_the_run() -> None:
    many = [outcome(f"v{k}", k, requests=50_000) for k in range(6)]
    text = page.render(many, title="t", metrics=METRICS)
    points = sum(len(spec["data"]["values"]) for spec in specs(text))  # type: ignore[index, misc]
    assert 1000 < points < 8000
    assert len(text) < 2_000_000


def test_latency_picture_shows_the_quantiles_of_the_requests() -> None:
    one = outcome()
    ttft = one.items["first_token"] - one.items["arrival"]
    rows = specs(page.render([one], title="t", metrics=METRICS))[0]["data"]["values"]  # type: ignore[index]
    for row in rows[1:-1:20]:
        assert abs(np.mean(ttft <= row["seconds"]) - row["share"]) < 0.01


def test_page_without_a_single_request_says_so_with_dashes() -> None:
    text = page.render([empty(), empty("other")], title="t", metrics=METRICS)
    assert specs(text) == []
    assert "NaN" not in text.split("<main>")[1].split("<footer>")[0]


def test_sweep_is_drawn_as_curves_and_not_as_timelines() -> None:
    runs = [outcome(f"{name} trace.rate={rate}", rate, slow=rate) for name in ("a", "b") for rate in (1, 2, 4)]
    text = page.render(runs, title="t", metrics=METRICS)
    drawn = {str(spec["title"]): spec for spec in specs(text)}
    assert {"Goodput", "TTFT p99"} <= set(drawn)
    assert "<tr><th></th><th colspan='3'>a</th><th colspan='3'>b</th></tr>" in text
    rows = drawn["Goodput"]["data"]["values"]  # type: ignore[index]
    assert [(row["variant"], row["x"], row["y"]) for row in rows[:3]] == [("a", 1, 9), ("a", 2, 4.5), ("a", 4, 2.25)]


def test_figure_that_no_run_has_is_not_drawn() -> None:
    runs = [outcome(f"a trace.rate={rate}") for rate in (1, 2)]
    text = page.render(runs, title="t", metrics=METRICS)
    assert "slo_share" not in runs[0].metrics
    assert [spec["title"] for spec in specs(text)] == ["Goodput", "TTFT p99", "TBT p99"]


def test_variants_that_behave_alike_are_named_because_their_curves_hide_each_other() -> None:
    text = page.render([outcome("a"), outcome("b"), outcome("c", slow=2.0)], title="t", metrics=METRICS)
    assert "The curves of a and b coincide." in text
    assert "coincide" not in page.render([outcome("a"), outcome("c", slow=2.0)], title="t", metrics=METRICS)


def test_figures_over_several_seeds_show_their_spread() -> None:
    one = outcome()
    wide = replace(one, series={**one.series, "seeds": {"goodput": np.array([8.0, 9.0, 10.0])}})
    assert "<td>9 req/s ±11%</td>" in page.render([wide], title="t", metrics=METRICS)


def test_same_outcomes_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        page.write([outcome(), outcome("b", 2)], tmp_path / name, title="t", metrics=METRICS)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_notebook_gets_the_page_in_a_frame() -> None:
    shown = page.page([outcome(HOSTILE)], title="t", metrics=METRICS)._repr_html_()
    assert Elements(shown).tags == ["iframe"]
