"""Cells: which runs there are, what they are called, and what makes them new."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Document
from evenly.sweep.plan import Cell, axis, cells, grid, titles
from tests.sweep.samples import COMPARE, COMPILED, PYTHON, SCENARIO, TRACE, document, written


def test_a_plan_is_variants_times_points_times_seeds() -> None:
    plan = cells(Document.parse(SCENARIO + COMPARE), 2, {"trace.rate": [1, 2, 3], "replicas": [1, 2]})
    assert len(plan) == 2 * 6 * 2
    assert len({cell.folder for cell in plan}) == len(plan)
    assert {cell.seed for cell in plan} == {3, 4}


def test_seeds_count_from_the_seed_of_each_variant() -> None:
    plan = cells(Document.parse(SCENARIO + "compare:\n  a: {seed: 10}\n  b: {}\n"), 2)
    assert [(cell.label, cell.seed) for cell in plan] == [("a", 10), ("a", 11), ("b", 3), ("b", 4)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1:4:4", [1, 2, 3, 4]),
        ("a=0:1:3", [0, 0.5, 1]),
        ("a=1:5:1", [1]),
        ("a=1e3,2_000", [1000.0, 2000]),
        ("a=true,no", [True, "no"]),
        ("a=0.1:0.3:3", [0.1, 0.2, 0.3]),
        ("a=[1, 2],x", [[1, 2], "x"]),
    ],
)
def test_an_axis_lists_its_values_or_spaces_them(text: str, values: list[Any]) -> None:
    assert axis(text) == ("a", values)


@pytest.mark.parametrize("text", ["a", "a=", "a=1:2:0", "a=1:2:x", "a=1:inf:3", "a=1:2:1e9", "a=1,,2", "a=[1"])
def test_an_axis_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text.partition("=")[0])):
        axis(text)


def test_one_path_on_two_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="two axes over 'a'; write one"):
        grid(["a=1", "b=2", "a=3"])


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"route": ["least-work"]}, "scenario:11: variant 'one' sets 'route', which the sweep would overwrite"),
        ({"replicas": [1, 1]}, "a value stands twice on the axis over 'replicas'"),
        ({"replicas": [2.5]}, "--over replicas=2.5: expected a whole number, found 2.5 @ replicas"),
        ({"trace.rat": [1]}, "--over trace.rat=1: no field 'rat'; did you mean 'rate'? @ trace.rat"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(over: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        cells(Document.parse(SCENARIO + COMPARE), over=over)


@settings(max_examples=60)
@given(label=st.text(max_size=200), value=st.text(max_size=50))
def test_a_folder_is_one_safe_name_whatever_the_label(label: str, value: str) -> None:
    name = Cell(label, {"route": value}, 0, Document({})).folder
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert len(name.encode()) < 255


def test_labels_that_look_alike_get_folders_of_their_own() -> None:
    plan = cells(Document.parse(SCENARIO + "compare:\n  a/b: {}\n  a-b: {}\n  ..: {}\n  ../..: {}\n"))
    assert len({cell.folder for cell in plan}) == 4


def digest(folder: Path) -> str:
    (cell,) = cells(Document.read(folder / "scenario.yaml"))
    return cell.digest


def test_a_changed_trace_a_changed_policy_and_a_changed_scenario_make_a_new_cell(tmp_path: Path) -> None:
    text = SCENARIO.replace(
        "trace: {use: poisson, rate: 4, requests: 40, lengths: {use: fixed, prompt: 60, output: 8}}",
        "trace: {use: file, path: t.csv}\nroute: {use: ./mine.py, weight: 2.0}",
    )
    document(tmp_path, text)
    trace, policy = written(tmp_path, TRACE, "t.csv"), written(tmp_path, PYTHON, "mine.py")
    first = digest(tmp_path)
    assert digest(tmp_path) == first
    trace.write_text(TRACE.replace(",300,", ",301,"))
    second = digest(tmp_path)
    policy.write_text(COMPILED)
    third = digest(tmp_path)
    document(tmp_path, text.replace("2.0", "2.5"))
    fourth = digest(tmp_path)
    assert len({first, second, third, fourth}) == 4
    trace.write_text(TRACE)
    policy.write_text(PYTHON)
    document(tmp_path, text)
    assert digest(tmp_path) == first, "the old content is the old cell"


def test_a_changed_file_of_a_profile_folder_makes_a_new_cell(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    table = written(profile / "inner", "a,b\n1,2\n", "table.csv")
    document(
        tmp_path,
        SCENARIO.replace("cost: {use: linear, fixed: 0.01, token: 0.001}", "cost: {use: profile, path: profile}"),
    )
    first = digest(tmp_path)
    table.write_text("a,b\n1,3\n")
    second = digest(tmp_path)
    written(profile, "", "more.csv")
    assert len({first, second, digest(tmp_path)}) == 3


def test_a_model_of_the_users_own_is_read_beside_the_scenario_and_a_name_stays_a_name(tmp_path: Path) -> None:
    (cell,) = cells(document(tmp_path, SCENARIO + "model: opt-125m\n"))
    assert cell.document.raw["model"] == "opt-125m"
    assert not cell.inputs
    written(tmp_path, "{}", "config.json")
    (cell,) = cells(document(tmp_path, SCENARIO + "model: config.json\n"))
    assert list(cell.inputs) == [str(tmp_path / "config.json")]


def test_a_cell_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SCENARIO + "compare:\n  a: {route: ./mine.py}\n  b: {route: {use: mine.py, weight: 2.0}}\n"
    path = written(tmp_path / "project", text)
    written(tmp_path / "project", PYTHON, "mine.py")
    monkeypatch.chdir(tmp_path)
    far = cells(Document.read(Path("project") / "scenario.yaml"))
    monkeypatch.chdir(path.parent)
    near = cells(Document.read(Path("scenario.yaml")))
    assert [cell.digest for cell in far] == [cell.digest for cell in near]
    assert far[0].document.raw["route"] == str(path.parent / "mine.py")


def test_titles_leave_out_what_the_plug_ins_of_an_axis_have_in_common() -> None:
    weights = {"ann": 2, "bob": 1}
    values = [
        {"use": "uwfq", "weights": weights},
        {"use": "uwfq", "weights": {"ann": 3, "bob": 1}},
        {"use": "cfq", "weights": weights},
        "ujf",
    ]
    made = [Cell("a", {"queue": value, "cores": 2}, 0, Document({})) for value in values]
    known = ["a queue=uwfq,weights:ann:2 cores=2", "a queue=uwfq,weights:ann:3 cores=2"]
    assert titles(made) == [*known, "a queue=cfq cores=2", "a queue=ujf cores=2"]
    assert titles(made[:1] * 2) == ["a queue=uwfq cores=2"] * 2


def test_titles_tell_plug_ins_apart_that_would_be_alike_without_what_they_have_in_common() -> None:
    values = [{"use": "uwfq", "grace": 1}, {"use": "uwfq", "grace": 1.0}]
    made = [Cell("", {"queue": value}, 0, Document({})) for value in values]
    assert titles(made) == ["queue=uwfq,grace:1", "queue=uwfq,grace:1.0"]
