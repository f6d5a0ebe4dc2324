"""The generated parts of the documentation."""

from pathlib import Path

import pytest

from evenly.papers.evidence import names, read
from tools import catalogue

ROOT = Path(__file__).parents[2]


def test_the_readme_shows_every_published_system() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == catalogue.readme(text), "run `python -m tools.catalogue`"


def test_the_catalogue_names_every_plugin_of_every_room() -> None:
    rooms = list(catalogue.catalogs())
    assert {"engines", "routers", "costs", "partitioners"} <= {room.noun for room in rooms}
    for room in rooms:
        text = catalogue.room(room)
        for name in room:
            assert f"| `{name}` | " in text, "every plug-in has its row"


@pytest.mark.parametrize("name", names())
def test_the_page_of_a_system_shows_every_claim_and_every_miss(name: str) -> None:
    text = catalogue.claims(name)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    claims = read(name).claims
    assert len(rows) == len(claims) + 2
    assert sum(line.startswith("- *") for line in text.splitlines()) == sum(bool(c.known_miss) for c in claims)


@pytest.mark.parametrize("name", names())
def test_every_published_system_has_its_page(name: str) -> None:
    page = (ROOT / "docs" / "systems" / f"{name}.md").read_text(encoding="utf-8")
    assert f"<!-- claims: {name} -->" in page


def test_marks_are_filled_and_other_text_is_left_alone() -> None:
    assert catalogue.fill("# Title\n\n<!-- other -->") == "# Title\n\n<!-- other -->"
    assert "<!--" not in catalogue.fill("<!-- systems -->\n<!-- claims: fastgen -->")
