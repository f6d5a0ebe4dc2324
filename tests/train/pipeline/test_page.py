"""The page on pipelines does what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from evenly.core import Document
from evenly.sweep.scenarios import scenario_of

PAGE = (Path(__file__).parents[3] / "docs" / "pipelines.md").read_text(encoding="utf-8")


def test_an_order_is_made_run_and_printed() -> None:
    (code,) = re.findall(r"```python\n(import numpy.*?)```", PAGE, re.DOTALL)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "pipelines.md", "exec"), {"__name__": "example"})
    makespan, bubble, *held = said.getvalue().split(maxsplit=2)
    assert float(makespan) == 3 * 16 + 3
    assert float(bubble) == pytest.approx(3 / 51)
    assert held == ["[4 4 4 4]\n"]


def test_the_scenario_of_the_page_runs() -> None:
    (text,) = re.findall(r"```yaml\n(kind: pipeline.*?)```", PAGE, re.DOTALL)
    assert scenario_of(Document.parse(text)).run().metrics["live"] == 10
