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
from tests.report.samples import HOSTILE, empty, fleet, outcome, seeded


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
    for title, unit, *cells in (("Goodput", "req/s", "9.00", "4.50"), ("TBT p99", "ms", "40.0", "80.0")):
        row = next(row for row in re.findall("<tr.*?</tr>", text) if f"<th>{title} " in row)
        assert f"<th>{title} <em>{unit}</em></th>" in row
        assert re.findall("<td.*?>(.*?)</td>", row) == cells
    assert "<h1>A title</h1>" in text
    assert "first-come wins" in text


def test_best_figure_of_a_row_is_marked_and_the_worse_one_is_not() -> None:
    text = page.render([outcome("fast"), outcome("slow", slow=2.0)], title="", metrics=METRICS)
    assert "<td class='best'>9.00</td><td>4.50</td>" in text


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


def values(spec: dict[str, object]) -> list[dict[str, object]]:
    """Return the points of a picture."""
    return spec["data"]["values"]  # type: ignore[index, no-any-return]


def test_pictures_hold_a_few_thousand_points_however_long_the_run() -> None:
    pages = [
        page.render([outcome(f"v{k}", k, requests=requests) for k in range(8)], title="t", metrics=METRICS)
        for requests in (2_000, 200_000)
    ]
    points = [sum(len(values(spec)) for spec in specs(text)) for text in pages]
    assert 1000 < points[0] < 10_000
    assert points[1] <= points[0] * 1.01
    assert max(len(text) for text in pages) < 2_000_000


def test_page_of_hundreds_of_runs_stays_below_two_megabytes() -> None:
    runs = [outcome(f"v{k} trace.rate={rate}", k, slow=1 + rate / 9) for k in range(10) for rate in range(1, 31)]
    assert len(page.render(runs, title="t", metrics=METRICS)) < 2_000_000


def test_page_of_a_thousand_replicas_draws_quantiles_of_them() -> None:
    bars = specs(page.render([fleet("a", 1000), fleet("b", 1000)], title="t", metrics=METRICS))[-2:]
    assert [len(values(spec)) for spec in bars] == [64, 64]


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
    assert {"Goodput against trace.rate", "TTFT p99 against trace.rate"} <= set(drawn)
    assert re.findall("<th class='group' colspan='3'><i class='hue-.'></i>(.)</th>", text) == ["a", "b"]
    rows = drawn["Goodput against trace.rate"]["data"]["values"]  # type: ignore[index]
    assert [(row["variant"], row["x"], row["y"]) for row in rows[:3]] == [("a", 1, 9), ("a", 2, 4.5), ("a", 4, 2.25)]


def test_figure_that_no_run_has_is_not_drawn() -> None:
    runs = [outcome(f"a trace.rate={rate}") for rate in (1, 2)]
    text = page.render(runs, title="t", metrics=METRICS)
    assert "slo_share" not in runs[0].metrics
    assert [str(spec["title"]).split(" against")[0] for spec in specs(text)] == ["Goodput", "TTFT p99", "TBT p99"]


def test_best_eight_of_many_variants_are_drawn_and_all_are_in_the_table() -> None:
    runs = [outcome(f"v{k}", k, slow=12 - k) for k in range(12)]
    text = page.render(runs, title="t", metrics=METRICS)
    drawn = {row["variant"] for row in values(specs(text)[0])}
    assert drawn == {f"v{k}" for k in range(4, 12)}
    assert "Of 12 variants the best 8 are drawn." in text
    assert all(f"v{k}</th>" in text for k in range(12))


def test_headline_of_a_sweep_is_read_where_goodput_is_best() -> None:
    runs = [outcome(f"{name} trace.rate={rate}", rate, slow=abs(rate - 2) + 1) for name in "ab" for rate in (1, 2, 4)]
    text = page.render(runs, title="t", metrics=METRICS)
    cards = re.findall("<div class='card'><span>(.*?)</span><b>(.*?)<", text)
    assert cards[0] == ("Goodput at trace.rate 2", "9")
    assert cards[2] == ("TBT p99 at trace.rate 2", "40")


def test_band_of_a_sweep_reaches_over_all_seeds() -> None:
    runs = [seeded(outcome(f"a trace.rate={rate}"), 0.9, 1.0, 1.2) for rate in (1, 2)]
    goodput = specs(page.render(runs, title="t", metrics=METRICS))[0]
    assert [(row["low"], row["y"], row["high"]) for row in values(goodput)] == [(8.1, 9, 10.8)] * 2


def test_limit_of_the_slo_stands_in_the_latency_picture() -> None:
    limited = replace(outcome(), facts={"slo": "ttft:200 tbt:30"})
    text = page.render([limited], title="t", metrics=METRICS)
    rules = [spec["layer"][1]["encoding"]["x"]["datum"] for spec in specs(text)[:2]]  # type: ignore[index]
    assert rules == [0.2, 0.03]
    assert "SLO TTFT ≤ 200 ms, TBT ≤ 30 ms" in text


def test_facts_that_differ_have_a_row_a_variant_and_the_others_one_entry() -> None:
    runs = [replace(outcome(name), facts={"kv_tokens": 452041, "engine": name}) for name in ("orca", "sarathi")]
    text = page.render(runs, title="t", metrics=METRICS)
    assert text.count("452,041") == 1
    assert "<th>sarathi</th><td class='text'>sarathi</td>" in text


def test_variants_that_behave_alike_are_named_because_their_curves_hide_each_other() -> None:
    text = page.render([outcome("a"), outcome("b"), outcome("c", slow=2.0)], title="t", metrics=METRICS)
    assert "The curves of a and b coincide." in text
    assert "coincide" not in page.render([outcome("a"), outcome("c", slow=2.0)], title="t", metrics=METRICS)


def test_figures_over_several_seeds_show_their_spread() -> None:
    one = outcome()
    wide = replace(one, series={**one.series, "seeds": {"goodput": np.array([8.0, 9.0, 10.0])}})
    assert "<td>9.00 ±11%</td>" in page.render([wide], title="t", metrics=METRICS)


def test_same_outcomes_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        page.write([outcome(), outcome("b", 2)], tmp_path / name, title="t", metrics=METRICS)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_notebook_gets_the_page_in_a_frame() -> None:
    shown = page.page([outcome(HOSTILE)], title="t", metrics=METRICS)._repr_html_()
    assert Elements(shown).tags == ["iframe"]
