"""YAML that means what it says."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core.strict import dump, load

leaves = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text(max_size=12)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("1.5E-3", 1.5e-3),
        (".5", 0.5),
        ("1_000_000", 1_000_000),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2024-02-30", "2024-02-30"),
        ("'5'", "5"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    found = load(f"key: {text}", "f.yaml")[0]["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: &x [1]\nb: *x", "f.yaml:2: not valid YAML: aliases"),
        ("a: 1\nb: !!python/object:os.system {}", "f.yaml:2: not valid YAML: tags"),
        ("a: !!python/object/apply:os.system ['true']", "f.yaml:1: not valid YAML: tags"),
        ("a: !!timestamp nonsense", "f.yaml:1: not valid YAML: tags"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3: not valid YAML: key 'a' appears twice"),
        ("a: {b: 1, b: 2}", "f.yaml:1: not valid YAML: key 'b' appears twice"),
        ("? [1, 2]\n: 3", "f.yaml:1: not valid YAML: a key is one word"),
        ("{a: b}: 3", "f.yaml:1: not valid YAML: a key is one word"),
        ("a:\n\t- 1", "f.yaml:2: not valid YAML"),
        ("a: 1\n--- \nb: 2", "f.yaml:2: not valid YAML"),
        ("a: " + "9" * 5000, "f.yaml:1: not valid YAML: a number of 5000 digits"),
        ("a: 1\nb: '\0'", "f.yaml:2: not valid YAML: the character #x0000"),
        ("a: {b: [1, 2}", "f.yaml:1: not valid YAML"),
        ("a: 'open", "f.yaml:1: not valid YAML"),
        ("[" * 2000, "f.yaml:1: not valid YAML: nested more than 50 levels deep"),
        ("{a: " * 2000, "f.yaml:1: not valid YAML: nested more than 50 levels deep"),
    ],
)
def test_what_yaml_would_let_pass_is_one_mistake_with_its_line(text: str, what: str) -> None:
    with pytest.raises(ValueError, match="not valid YAML") as caught:
        load(text, "f.yaml")
    assert str(caught.value).startswith(what)
    assert "\n" not in str(caught.value)


def test_a_billion_laughs_end_at_the_first_alias() -> None:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 30)]
    with pytest.raises(ValueError, match=r"f\.yaml:2: .*aliases"):
        load("\n".join(lines), "f.yaml")


@settings(max_examples=60)
@given(value=values)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    found, _ = load(dump({"key": value}), "f.yaml")
    assert repr(found) == repr({"key": value})


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared = [1, 2]
    assert load(dump({"a": shared, "b": shared}), "f.yaml")[0] == {"a": [1, 2], "b": [1, 2]}


def test_every_entry_knows_its_line() -> None:
    _, lines = load("a:\n  b: 1\n  c: [1,\n    2]\n", "f.yaml")
    assert lines == {(): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 3, ("a", "c", 1): 4}
