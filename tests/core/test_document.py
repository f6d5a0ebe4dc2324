"""Documents: every mistake at once, overrides, variants."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from evenly.core import Document, FilePath
from evenly.sweep.plan import cells
from evenly.sweep.scenarios import scenario_of
from tests.sweep.samples import SCENARIO, written


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    count: int = 1
    rate: float = 1.0
    word: str = "a"
    flag: bool = False
    maybe: int | None = None
    several: tuple[int, ...] = ()
    each: Mapping[str, float] = field(default_factory=dict)
    choice: Literal["red", "green"] = "red"
    file: FilePath = ""


def mistake(text: str, kind: type[Any] = Sample) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        Document.parse(text, "f.yaml").structure(kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count: 2.5", "expected a whole number, found 2.5 @ count"),
        ("count: 2.0", "expected a whole number, found 2.0 @ count"),
        ("count: true", "expected a whole number, found True @ count"),
        ("count: '2'", "expected a whole number, found '2' @ count"),
        ("count: 010", "expected a whole number, found '010' @ count"),
        ("count:", "expected a whole number, found None @ count"),
        ("count: [1]", "expected a whole number, found [1] @ count"),
        ("count: 99999999999999999999", "expected a number of at most 18 digits, found 99999999999999999999 @ count"),
        ("rate: .nan", "expected a number, found NaN @ rate"),
        ("rate: '1.0'", "expected a number, found '1.0' @ rate"),
        ("rate: false", "expected a number, found False @ rate"),
        ("rate: {a: 1}", "expected a number, found {'a': 1} @ rate"),
        ("word: 5", "expected text, found 5 @ word"),
        ("flag: yes", "expected true or false, found 'yes' @ flag"),
        ("flag: 1", "expected true or false, found 1 @ flag"),
        ("maybe: x", "expected a whole number, found 'x' @ maybe"),
        ("several: 3", "expected a list, found 3 @ several"),
        ("several: [1, x]", "expected a whole number, found 'x' @ several[1]"),
        ("each: [1]", "expected names with values, found [1] @ each"),
        ("each: {a: 1, b: x}", "expected a number, found 'x' @ each.b"),
        ("choice: gren", "no choice 'gren'; did you mean 'green'? @ choice"),
        ("choice: [red]", "no choice ['red']; known: red, green @ choice"),
        ("choice: true", "no choice True; known: red, green @ choice"),
        ("cuont: 3", "no field 'cuont'; did you mean 'count'? @ cuont"),
        ("1: 3", "no field '1'; known: count, rate, word, flag, maybe, several, each, choice, file @ 1"),
    ],
)
def test_a_value_of_another_type_is_refused_and_quoted(text: str, said: str) -> None:
    assert mistake(text) == f"f.yaml:1: {said}"


def test_a_long_value_is_quoted_in_part() -> None:
    assert len(mistake(f"count: {'x' * 10_000}")) < 200


def test_whole_numbers_serve_as_numbers_and_null_as_nothing() -> None:
    assert Document.parse("rate: 3\nmaybe: null").structure(Sample) == Sample(rate=3.0)


WRONG = """kind: serve
replicas: 2.5
trace: {use: poison, rate: 4}
engine: {use: vllm-v0, preemption: swop, max_num_seqs: true}
route: {use: power-of-d, d: 0}
seed: many
repliccas: 3
slo: [1, 2]
order: {d: 3}
"""


def test_all_mistakes_of_a_scenario_are_told_at_once_with_line_path_value_and_remedy() -> None:
    with pytest.raises(ValueError, match="@") as caught:
        scenario_of(Document.parse(WRONG, "f.yaml"))
    assert str(caught.value).splitlines() == [
        "f.yaml:2: expected a whole number, found 2.5 @ replicas",
        "f.yaml:3: no 'poison' among sources; did you mean 'poisson'? @ trace",
        "f.yaml:4: expected a whole number, found True @ engine.max_num_seqs",
        "f.yaml:4: no choice 'swop'; did you mean 'swap'? @ engine.preemption",
        "f.yaml:5: d is at least 1, not 0 @ route",
        "f.yaml:6: expected a whole number, found 'many' @ seed",
        "f.yaml:7: no field 'repliccas'; did you mean 'replicas'? @ repliccas",
        "f.yaml:8: expected a mapping, found [1, 2] @ slo",
        "f.yaml:9: expected {use: NAME, ...} with a name among orders, found {'d': 3}; write {use: NAME, d: 3} @ order",
    ]


def test_mistakes_of_all_variants_are_told_once_each_with_the_line_of_the_variant() -> None:
    text = (
        SCENARIO.strip() + "\nreplcas: 1\ncompare:\n  a: {engine: vlm-v1}\n  b:\n    route: {use: power-of-d, d: -2}\n"
    )
    with pytest.raises(ValueError, match="@") as caught:
        cells(Document.parse(text, "f.yaml"))
    assert str(caught.value).splitlines() == [
        "f.yaml:8: no field 'replcas'; did you mean 'replicas'? @ replcas",
        "f.yaml:10: no 'vlm-v1' among engines; did you mean 'vllm-v1'? @ engine",
        "f.yaml:12: d is at least 1, not -2 @ route",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: serv", "f.yaml:1: no kind of scenario 'serv'; did you mean 'serve'? @ kind"),
        ("seed: 1", "f.yaml:1: 'kind' is missing; known: "),
        ("kind: [serve]", "f.yaml:1: no kind of scenario '['serve']'"),
        ("kind: serve\nreplicas: 0\ntrace: poisson", "f.yaml:2: replicas and tensor are at least 1, not 0 and 1"),
        ("kind: serve\ntrace: poisson\nseed: -1", "f.yaml:1: seed is a whole number from 0, not -1"),
        ("kind: serve", "f.yaml:1: 'trace' is missing @ trace"),
        ("- kind: serve", "f.yaml: expected a mapping such as 'kind: serve', found a list"),
        ("serve", "f.yaml: expected a mapping such as 'kind: serve', found a text"),
        ("", "f.yaml: expected a mapping such as 'kind: serve', found nothing; the file is empty"),
        ("# only a comment", "f.yaml: expected a mapping such as 'kind: serve', found nothing; the file is empty"),
    ],
)
def test_a_document_that_is_no_scenario_says_so(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        scenario_of(Document.parse(text, "f.yaml"))


@pytest.mark.parametrize(
    ("compare", "said"),
    [
        ("[a, b]", "f.yaml:9: expected a mapping of label to changes @ compare"),
        ("{}", "f.yaml:9: expected a mapping of label to changes @ compare"),
        ("{a: fast}", "f.yaml:9: expected a mapping of changes @ compare.a"),
        ("{a: }", "f.yaml:9: expected a mapping of changes @ compare.a"),
        ("{a: {compare: {}}}", "f.yaml:9: no field 'compare'; "),
        ("{a: {seed.x: 1}}", "f.yaml: 'seed' in override 'seed.x' is not a mapping"),
        ("{a: {seed: [1]}}", "f.yaml:9: expected a whole number, found [1] @ seed"),
    ],
)
def test_a_comparison_of_another_shape_is_refused(compare: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        cells(Document.parse(f"{SCENARIO}compare: {compare}", "f.yaml"))


def test_an_override_is_blamed_where_it_was_written() -> None:
    base = Document.parse(SCENARIO, "f.yaml")
    with pytest.raises(
        ValueError, match=re.escape("--set trace.rate=fast: expected a number, found 'fast' @ trace.rate")
    ):
        scenario_of(base.override("trace.rate=fast"))


def test_a_knob_of_a_plugin_that_the_file_does_not_name_is_blamed_on_the_override() -> None:
    document = Document.parse("kind: jobs\n").override("queue.grace=1.0")
    with pytest.raises(ValueError, match=re.escape("--set queue.grace=1.0: expected {use: NAME, ...}")):
        scenario_of(document)


@pytest.mark.parametrize("text", ["replicas", "=3", "", "route={use: ", "seed.x=1", "seed=!!python/name:os.system"])
def test_an_override_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"override|not valid YAML"):
        Document.parse(SCENARIO).override(text)


def test_an_override_that_every_variant_overrides_says_so() -> None:
    base = Document.parse(SCENARIO + "compare:\n  a: {route: least-work}\n  b: {route: {use: power-of-d}}\n")
    with pytest.raises(ValueError, match="changes nothing: every variant of compare sets 'route' itself"):
        base.override("route=round-robin")
    changed = base.override("compare.a.route=round-robin").variants()
    assert changed["a"].raw["route"] == "round-robin"


def test_a_variant_changes_what_it_names_and_nothing_else() -> None:
    base = Document.parse(
        SCENARIO + "route: {use: power-of-d, d: 3}\ncompare:\n  a: {route.d: 5}\n  b: {replicas: 7}\n"
    )
    variants = base.variants()
    assert variants["a"].raw["route"] == {"use": "power-of-d", "d": 5}
    assert variants["b"].raw["route"] == {"use": "power-of-d", "d": 3}
    assert [variant.raw["replicas"] for variant in variants.values()] == [2, 7]


def test_files_are_found_beside_the_scenario_then_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, here = tmp_path / "a b", tmp_path / "ü"
    scenario = written(beside, "file: data.csv")
    here.mkdir()
    monkeypatch.chdir(here)
    assert Document.read(scenario).structure(Sample).file == "data.csv", "in neither place: left to who reads it"
    (here / "data.csv").write_text("x")
    assert Document.read(scenario).structure(Sample).file == str(here / "data.csv")
    (beside / "data.csv").write_text("x")
    assert Document.read(scenario).structure(Sample).file == str(beside / "data.csv")


@pytest.mark.parametrize("raw", [b"kind: s\xe9rve", b"\xff\xfek\0i\0"])
def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="not UTF-8 text"):
        Document.read(path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfkind: serve")
    assert Document.read(path).raw == {"kind": "serve"}


def test_a_path_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        Document.read(tmp_path)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        Document.read(tmp_path / "absent.yaml")
