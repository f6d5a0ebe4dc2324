"""The documentation site, built and opened from disk: silent, without network, and without a dead link."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.report.chromium import Browser, binary, browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REPOSITORY = Path(__file__).parents[2]
LOADED = """
Promise.all([...document.images].map(i => {i.loading = 'eager'; return i.decode().then(() => 1, () => i.src)}))
"""
ADDRESSES = ("href", "src", "srcset", "poster", "data")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site that `make docs` built, or build it; skip where mkdocs is not installed."""
    if made := os.environ.get("EVENLY_SITE"):
        return REPOSITORY / made
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("no mkdocs-material here; install the group 'docs'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],  # a warning ends it
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a tab of headless Chromium; skip where there is none."""
    if binary() is None:
        pytest.skip("no Chromium here; install it (Debian: apt-get install chromium) or set CHROMIUM to its path")
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


def pages(site: Path) -> list[Path]:
    """Return the pages that a reader can reach; the page for lost readers needs a server."""
    return sorted(path for path in site.rglob("*.html") if path.name != "404.html")


class Links(HTMLParser):
    """The addresses on a page, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ADDRESSES and value and not (tag == "link" and ("rel", "canonical") in attrs):
                self.addresses.append(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


def test_site_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").is_file()


@cache
def links(path: Path) -> Links:
    """Return the links of a page."""
    return Links(path.read_text(encoding="utf-8"))


def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    dead = []
    for page in pages(site):
        for address in links(page).addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            known = target.is_file() and target.is_relative_to(site.resolve())
            if not known or (parts.fragment and unquote(parts.fragment) not in links(target).anchors):
                dead.append(f"{page.relative_to(site)}: {address}")
    assert dead == []


@pytest.mark.parametrize(("scheme", "palette", "width"), [("light", "default", 360), ("dark", "slate", 1600)])
def test_pages_are_silent_whole_and_never_scroll_sideways(
    site: Path, tab: Browser, scheme: str, palette: str, width: int
) -> None:
    """In both colour schemes, on a narrow and on a wide screen; nothing is asked from another host."""
    shown = 0
    for page in pages(site):
        tab.load(page, scheme, width)
        tab.wait(f"document.body.dataset.mdColorScheme === '{palette}'")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page
        found = tab.evaluate(LOADED)
        assert set(found) <= {1}, page
        shown += len(found)
        assert tab.errors == [], page
        assert [asked for asked in tab.requests if urlsplit(asked).scheme not in ("file", "data")] == [], page
    assert shown > 0


def test_dark_pages_are_dark_and_light_pages_light(site: Path, tab: Browser) -> None:
    script = "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
    brightness = {}
    for scheme in ("light", "dark"):
        tab.load(site / "index.html", scheme)
        brightness[scheme] = tab.evaluate(script)
    assert brightness["dark"] < 200 < 700 < brightness["light"]
