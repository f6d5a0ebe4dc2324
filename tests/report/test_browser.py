"""Pages in a real browser: drawn, silent, and asking nothing from the network."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evenly.report import measured, page, planned
from evenly.serve.metrics import METRICS
from tests.report.chromium import Browser, binary, browser
from tests.report.samples import HOSTILE, empty, fleet, outcome, seeded, trace
from tests.report.test_planned import plan

pytestmark = pytest.mark.browser

# Four latencies, three lines over time, and the load: one picture for few replicas, one a variant for many.
KINDS = (
    ("comparison", 8),
    ("sweep", 3),
    ("seeds", 3),
    ("single", 8),
    ("dozen", 8),
    ("fleets", 10),
    ("empty", 0),
    ("trace", 5),
    ("hostile", 8),
    ("plan", 6),
)
BOTH = ("comparison", "sweep", "trace")  # are looked at in both schemes


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a tab of headless Chromium; skip where there is none."""
    if binary() is None:
        pytest.skip("no Chromium here; install it (Debian: apt-get install chromium) or set CHROMIUM to its path")
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    swept = [outcome(f"{name} trace.rate={rate}", rate, slow=rate) for name in ("a", "b") for rate in (1, 2, 4)]
    made = {
        "comparison": [outcome("a"), outcome("b", slow=2.0)],
        "sweep": swept,
        "seeds": [seeded(one, 0.9, 1.0, 1.1) for one in swept],
        "single": [replace(fleet("alone", 1), facts={"slo": "ttft:200 tbt:30"})],
        "dozen": [outcome(f"a variant with a long name, number {k}", k, slow=1 + k / 4) for k in range(12)],
        "fleets": [fleet("round-robin", 64), fleet("least-work", 64, skew=0.1), fleet("huge", 1000)],
        "empty": [empty(), empty("other")],
        "hostile": [outcome(HOSTILE), outcome("b")],
    }
    for name, runs in made.items():
        title = HOSTILE if name == "hostile" else name
        page.write(runs, folder / f"{name}.html", title=title, metrics=METRICS)
    measured.write({"lengths": {"what": ["prompt"], "p99": [1.0]}}, trace(), folder / "trace.html", title="Trace")
    planned.write(plan(), [], folder / "plan.html", title="A plan", top=3)
    return {path.stem: path for path in folder.glob("*.html")}


def url(path: Path) -> str:
    """Return the address of a file."""
    return path.resolve().as_uri()


@pytest.mark.parametrize(
    ("kind", "pictures", "scheme"),
    [(*kind, "light") for kind in KINDS] + [(*kind, "dark") for kind in KINDS if kind[0] in BOTH],
)
def test_page_is_drawn_in_silence_and_without_network(
    tab: Browser, pages: dict[str, Path], kind: str, pictures: int, scheme: str
) -> None:
    tab.open(pages[kind], scheme)
    assert tab.errors == []
    asked = [address for address in tab.requests if not address.startswith("data:")]
    assert asked == [url(pages[kind])]
    assert tab.evaluate("document.querySelectorAll('.chart svg').length") == pictures
    assert tab.evaluate(
        "[...document.querySelectorAll('.chart svg')].every(s => s.querySelectorAll('path').length > 3)"
    )


def test_schemes_differ_in_background_and_ink(tab: Browser, pages: dict[str, Path]) -> None:
    looks = []
    for scheme in ("light", "dark"):
        tab.open(pages["comparison"], scheme)
        looks.append(
            tab.evaluate(
                "[getComputedStyle(document.body).backgroundColor, "
                "document.querySelector('.chart svg text').getAttribute('fill')].join(' ')"
            )
        )
    assert looks == ["rgb(244, 246, 248) #1c2733", "rgb(14, 20, 27) #dfe7ee"]


@pytest.mark.parametrize(("width", "kinds"), [(360, [kind for kind, _ in KINDS]), (1600, ["comparison", "hostile"])])
def test_page_never_scrolls_sideways(tab: Browser, pages: dict[str, Path], width: int, kinds: list[str]) -> None:
    for kind in kinds:
        tab.open(pages[kind], width=width)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, kind


def test_hostile_label_is_shown_and_not_run(tab: Browser, pages: dict[str, Path]) -> None:
    tab.open(pages["hostile"])
    assert tab.evaluate("document.title") == HOSTILE
    assert tab.evaluate("document.querySelector('thead th:nth-child(2)').textContent") == HOSTILE
    assert tab.evaluate("document.querySelectorAll('img').length") == 0


def test_page_refuses_scripts_that_it_did_not_bring(tab: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    text = pages["comparison"].read_text(encoding="utf-8")
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(text.replace("<main>", "<main><script>window.spoiled = 1</script>"), encoding="utf-8")
    tab.open(spoiled)
    assert tab.evaluate("window.spoiled === undefined")
    assert any("Content Security Policy" in error for error in tab.errors)


def test_notebook_shows_the_page_drawn(tab: Browser, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    shown = page.page([outcome("a"), outcome("b", slow=2.0)], title="In a notebook", metrics=METRICS)._repr_html_()
    notebook.write_text(f"<!doctype html><meta charset=utf-8><body>{shown}</body>", encoding="utf-8")
    tab.load(notebook)
    tab.wait_for(lambda: tab.inside("document.documentElement.dataset.drawn") == "light")
    assert tab.inside("document.querySelector('h1').textContent") == "In a notebook"
    assert tab.inside("document.querySelectorAll('.chart svg').length") == 8
    assert tab.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_on_the_page_can_be_read(tab: Browser, pages: dict[str, Path], scheme: str) -> None:
    """The contrast of every text is at least 4.5, as WCAG 2.1 asks in its criterion 1.4.3."""
    for kind in ("comparison", "seeds"):
        tab.open(pages[kind], scheme)
        assert tab.evaluate(FAINT) == [], kind


FAINT = """
(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => parse(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = e => { while (e && (parse(getComputedStyle(e).backgroundColor)[3] ?? 1) === 0) e = e.parentElement;
    return getComputedStyle(e ?? document.body).backgroundColor; };
  const found = [];
  for (const e of document.querySelectorAll("main *")) {
    const svg = e.tagName === "text";
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.tagName === "SCRIPT") continue;
    if (!e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const ink = light(svg ? style.fill : style.color), paper = light(behind(svg ? e.closest("div") : e));
    const [a, b] = [ink, paper].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${e.tagName} ${e.textContent.slice(0, 30)}`);
  }
  return found;
})()
"""
