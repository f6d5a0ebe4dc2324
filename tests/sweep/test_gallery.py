"""Every scenario of the gallery runs, at small size."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from evenly.core import Document
from evenly.lookup import scenario_files
from evenly.sweep.execute import run
from evenly.sweep.plan import cells

SIZES = {"requests": 60, "programs": 4, "conversations": 12, "functions": 9, "hours": 0.05}


def small(document: Document) -> Document:
    """Return the scenario with as few requests as its sources can be told to draw."""
    changes = document.raw.get("compare") or {}
    for path, value in [("trace", document.raw.get("trace"))] + [
        (f"compare.{label}.{key}", value)
        for label, change in changes.items()
        for key, value in change.items()
        if key == "trace"
    ]:
        for name, size in SIZES.items():
            if isinstance(value, Mapping) and name in value:
                document = document.replace(f"{path}.{name}", size)
    return document


@pytest.mark.parametrize("path", scenario_files().values(), ids=list(scenario_files()))
def test_every_scenario_of_the_gallery_says_what_it_shows_and_runs(path: Path, tmp_path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    plan = cells(small(Document.read(path)))
    for outcome in run(plan, tmp_path):
        assert all(0 < len(column) < 2000 for column in outcome.items.values())
        assert outcome.metrics["utilisation" if "utilisation" in outcome.metrics else "throughput"] > 0
