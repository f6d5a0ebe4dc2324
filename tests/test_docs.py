"""The pages of the documentation do what they say: commands, code and files are run as they stand there."""

import contextlib
import doctest
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.user import evenly

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("getting-started", "cli", "sweeps", "add-your-own", "fair-sharing", "dask", "jobs", "systems/semi-pd")
FENCE = re.compile(r"^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (?P<command>.*?)(?:  # exit code (?P<code>\d+))?\n(?P<said>(?:(?!\$ ).*\n)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    kind: str
    title: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    for found in FENCE.finditer((DOCS / f"{page}.md").read_text(encoding="utf-8")):
        yield Block(found["kind"], found["title"] or "", found["text"])


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_a_page_runs_and_prints_what_the_page_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, f"{page}.md", "exec"), {"__name__": "example"})
            ran += 1
        elif block.kind == "console":
            ran += sum(_checked(found, page) for found in COMMAND.finditer(block.text))
    assert ran, "a page shows something that runs"


def _checked(found: re.Match[str], page: str) -> bool:
    """Run one command and hold that it prints what stands below it; `...` stands for anything."""
    program, *words = shlex.split(found["command"])
    assert program == "evenly"
    said = evenly(*words)
    place = f"{page}.md: {found['command']}\n{said.out}{said.err}"
    assert said.code == int(found["code"] or 0), place
    shown = said.out if said.code == 0 else said.err
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(found["said"], shown, flags), place
    return True


def test_every_page_of_the_navigation_is_there() -> None:
    nav = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    named = re.findall(r"[\w/-]+\.md", nav)
    assert [page for page in named if not (DOCS / page).is_file()] == []
    written = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert written == set(named), "and every page stands in the navigation"
