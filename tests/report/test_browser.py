"""Pages in a real browser: drawn, silent, and asking nothing from the network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evenly.report import measured, page
from evenly.serve.metrics import METRICS
from tests.report.chromium import Browser, binary, browser
from tests.report.samples import HOSTILE, outcome, trace

pytestmark = pytest.mark.browser


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
    runs = [outcome("a"), outcome("b", slow=2.0)]
    swept = [outcome(f"{name} trace.rate={rate}", rate, slow=rate) for name in ("a", "b") for rate in (1, 2, 4)]
    found = {name: folder / f"{name}.html" for name in ("comparison", "sweep", "trace", "hostile")}
    page.write(runs, found["comparison"], title="Comparison", metrics=METRICS)
    page.write(swept, found["sweep"], title="Sweep", metrics=METRICS)
    page.write([outcome(HOSTILE), outcome("b")], found["hostile"], title=HOSTILE, subtitle=HOSTILE, metrics=METRICS)
    measured.write({"lengths": {"what": ["prompt"], "p99": [1.0]}}, trace(), found["trace"], title="Trace")
    return found


def url(path: Path) -> str:
    """Return the address of a file."""
    return path.resolve().as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "pictures"), [("comparison", 8), ("sweep", 3), ("trace", 5), ("hostile", 8)])
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


@pytest.mark.parametrize("width", [360, 700, 1600])
def test_page_never_scrolls_sideways(tab: Browser, pages: dict[str, Path], width: int) -> None:
    for kind in ("comparison", "trace", "hostile"):
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
