"""Whatever stands in a scenario file: a scenario or a ValueError."""

import contextlib
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evenly.core import Document, Scenario
from evenly.core.strict import dump
from evenly.lookup import rooms, scenario_files
from evenly.sweep.plan import axis, cells
from evenly.sweep.scenarios import scenario_of
from tests.sweep.samples import COMPARE, SCENARIO

NAMES = sorted({name for catalog in rooms().values() for name in catalog})
FIELDS = ["kind", "trace", "engine", "route", "replicas", "slo", "cost", "seed", "compare", "use", "d", "rate", "model"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([*NAMES, "serve", "a.py", ".", "/", "~"])
)
keys = st.sampled_from(FIELDS) | st.text(max_size=4)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def outcome(text: str) -> None:
    """Read a scenario, plan its runs; nothing but `ValueError` may come out."""
    with contextlib.suppress(ValueError):
        document = Document.parse(text, "f.yaml")
        assert cells(document)
        assert isinstance(scenario_of(document), Scenario) or "compare" in document.raw


@settings(max_examples=150)
@given(text=st.text(alphabet=string.printable + "\u2028\ufeffäß漢\x00", max_size=60))
@example("key: !!binary =")
@example("? ? a\n: b")
@example("a: |\n  x\n b")
def test_any_text_is_a_scenario_or_one_error(text: str) -> None:
    outcome(text)
    outcome(f"kind: serve\ntrace: {text}")


@settings(max_examples=150)
@given(tree=st.dictionaries(keys, trees, max_size=6))
def test_any_mapping_is_a_scenario_or_one_error(tree: dict[str, Any]) -> None:
    outcome(dump({"kind": "serve", "trace": "poisson", **tree}))


@settings(max_examples=150)
@given(data=st.data())
def test_a_scenario_with_one_piece_replaced_is_a_scenario_or_one_error(data: st.DataObject) -> None:
    text = SCENARIO + COMPARE
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 8)))
    outcome(text[:begin] + data.draw(st.text(string.printable, max_size=4)) + text[end:])


@settings(max_examples=100)
@given(path=st.text(max_size=12), value=st.text(max_size=12))
@example("trace.rate", "1:2:99999999999999999999")
@example("a", "1:inf:3")
@example("a", "1e308:-1e308:3")
def test_any_override_and_any_axis_is_read_or_refused(path: str, value: str) -> None:
    for text in (f"{path}={value}", value):
        with contextlib.suppress(ValueError):
            outcome(dump(dict(Document.parse(SCENARIO).override(text).raw)))
        with contextlib.suppress(ValueError):
            assert axis(text)[1]


@pytest.mark.parametrize("path", scenario_files().values(), ids=list(scenario_files()))
def test_every_scenario_of_the_gallery_is_valid(path: Path) -> None:
    assert cells(Document.read(path))
