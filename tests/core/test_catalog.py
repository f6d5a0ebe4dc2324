"""Catalogues: files of the room, files of the user's own, entry points of outside packages."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenly.core import Document
from evenly.core.catalog import plugin_name
from evenly.core.document import unstructure
from evenly.core.files import import_file
from evenly.lookup import rooms
from evenly.serve.routers import Router, routers
from evenly.serve.routers.power_of_d import PowerOfD
from evenly.sweep.execute import run
from evenly.sweep.plan import cells
from tests.sweep.samples import COMPILED, PYTHON, SCENARIO, document, written


def test_a_name_is_the_file_and_the_class() -> None:
    assert routers["power-of-d"] is PowerOfD
    assert routers.name_of(PowerOfD()) == "power-of-d"
    assert list(routers) == sorted(routers)
    assert len(routers) == len(list(routers))


def test_the_first_line_is_read_without_importing_the_plugin() -> None:
    for catalog in rooms().values():
        for name in catalog:
            assert catalog.about(name) == (catalog[name].__doc__ or "").strip().splitlines()[0]


def test_a_wrong_name_gets_a_suggestion_and_a_strange_one_the_list() -> None:
    with pytest.raises(ValueError, match=re.escape("no 'powr-of-d' among routers; did you mean 'power-of-d'?")):
        routers["powr-of-d"]
    with pytest.raises(ValueError, match="no 'zzz' among routers; known: first-fit, "):
        routers["zzz"]


@pytest.mark.parametrize("text", [PYTHON, COMPILED], ids=["python", "compiled"])
def test_a_policy_file_beside_the_scenario_decides_in_a_run(tmp_path: Path, text: str) -> None:
    written(tmp_path, text, "mine.py")
    compare = "compare:\n  mine: {route: ./mine.py}\n  theirs: {route: least-requests}\n"
    mine, theirs = run(cells(document(tmp_path, SCENARIO + compare)))
    assert mine.items["replica"].tolist() == theirs.items["replica"].tolist(), "both join the shortest queue"
    assert str(mine.facts["route"]).startswith(str(tmp_path / "mine.py"))


def test_two_files_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    one = routers[str(written(tmp_path / "a", PYTHON, "mine.py"))]
    two = routers[str(written(tmp_path / "b", PYTHON.replace("1.0", "2.0"), "mine.py"))]
    assert (one().weight, two().weight) == (1.0, 2.0)  # type: ignore[attr-defined]
    assert [plugin_name(kind) for kind in (one, two)] == [str(tmp_path / name / "mine.py") for name in "ab"]


def test_a_file_is_imported_once_and_again_after_a_change(tmp_path: Path) -> None:
    path = written(tmp_path, PYTHON, "mine.py")
    first = routers[str(path)]
    assert routers[str(path)] is first
    path.write_text(PYTHON.replace("1.0", "9.0"))
    assert routers[str(path)]().weight == 9.0  # type: ignore[attr-defined]


def test_a_policy_of_the_users_own_survives_yaml(tmp_path: Path) -> None:
    made = routers[str(written(tmp_path, PYTHON, "mine.py"))](weight=3.0)  # type: ignore[call-arg]
    assert unstructure(made) == {"use": str(tmp_path / "mine.py"), "weight": 3.0}


WRONG = {
    "no class": (PYTHON.replace("class Mine", "class Other"), "must define class Mine, after the name of the file"),
    "no verb": (PYTHON.replace("def choose", "def chose"), "among routers lacks the method choose"),
    "few parameters": (PYTHON.replace(", fleet, memory", ""), "must take (now, request, requests, fleet, memory)"),
    "many parameters": (
        PYTHON.replace("memory)", "memory, more)"),
        "must take (now, request, requests, fleet, memory)",
    ),
    "no self": (PYTHON.replace("self, now", "now"), "must take (now, request, requests, fleet, memory)"),
    "syntax": (PYTHON + "\n    def", "mine.py:17: SyntaxError: "),
    "import": (
        PYTHON.replace("from dataclasses", "import nowhere_at_all\nfrom dataclasses"),
        "mine.py:3: ModuleNotFoundError: ",
    ),
    "at import": (PYTHON + "\n1 / 0\n", "mine.py:17: ZeroDivisionError: division by zero"),
    "exit": (PYTHON + "\nraise KeyError('x')\n", "mine.py:17: KeyError: 'x'"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=list(WRONG))
def test_a_policy_file_that_is_wrong_is_one_error_with_the_line_of_the_scenario(
    tmp_path: Path, text: str, said: str
) -> None:
    written(tmp_path, text, "mine.py")
    scenario = written(tmp_path, SCENARIO + "route: {use: ./mine.py}\n")
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        cells(Document.read(scenario))
    assert str(caught.value).startswith(f"{scenario}:9: ")
    assert "\n" not in str(caught.value)


def test_a_wrong_file_is_not_remembered(tmp_path: Path) -> None:
    path = written(tmp_path, "1 / 0", "mine.py")
    with pytest.raises(ValueError, match="division by zero"):
        import_file(path)
    assert not [module for module in sys.modules.values() if getattr(module, "__file__", None) == str(path)]


RUNTIME = {
    "raises": ("return int(", "raise RuntimeError('no idea')\n        return int(", "in choose: RuntimeError: no idea"),
    "raises in numpy": ('fleet["waiting"]', 'fleet["wait"]', "in choose: ValueError: no field of name wait"),
    "returns text": ("return int(", "return 'two'\n        return int(", "choose must return a number, not 'two'"),
    "returns nothing": ("return int(", "return None\n        return int(", "choose must return a number, not None"),
}


@pytest.mark.parametrize(("old", "new", "said"), RUNTIME.values(), ids=list(RUNTIME))
def test_an_error_inside_a_policy_names_file_and_line_and_leaves_no_run(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = written(tmp_path, PYTHON.replace(old, new), "mine.py")
    plan = cells(document(tmp_path, SCENARIO + "route: ./mine.py\n"))
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        run(plan, tmp_path / "out")
    assert said in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("text", [PYTHON, COMPILED], ids=["python", "compiled"])
@pytest.mark.parametrize("replica", ["7", "-1", "-5"])
def test_a_router_that_names_no_replica_is_refused(tmp_path: Path, text: str, replica: str) -> None:
    verb = text.index("def choose")
    end = text.index("return", verb)
    path = written(tmp_path, f"{text[:end]}return {replica} if request > 5 else 0\n        {text[end:]}", "mine.py")
    with pytest.raises(ValueError, match=re.escape(f"{path}: Mine.choose sent 34 of 40 requests")):
        run(cells(document(tmp_path, SCENARIO + "route: ./mine.py\n")), tmp_path / "out")


def test_an_error_inside_a_compiled_policy_names_file_and_line(tmp_path: Path) -> None:
    text = COMPILED.replace("best = 0", "best = 0\n        if request > 5:\n            raise ValueError('no idea')")
    path = written(tmp_path, text, "mine.py")
    line = text.splitlines().index("            raise ValueError('no idea')") + 1
    with pytest.raises(ValueError, match=re.escape(f"{path}:{line} in choose: ValueError: no idea")):
        run(cells(document(tmp_path, SCENARIO + "route: ./mine.py\n")))


def test_a_compiled_policy_that_does_not_compile_names_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, COMPILED.replace("best = 0", "best = open('x')"), "mine.py")
    line = path.read_text().splitlines().index("        best = open('x')") + 1
    with pytest.raises(ValueError, match=re.escape(f"{path}:{line}: Mine.choose does not compile")):
        run(cells(document(tmp_path, SCENARIO + "route: ./mine.py\n")), tmp_path / "out")


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with an installed package that offers the routers `lucky` and `broken`."""
    package = tmp_path / "site"
    written(package / "luck_pack", "", "__init__.py")
    written(package / "luck_pack", PYTHON.replace("class Mine", "class Lucky"), "lucky.py")
    meta = package / "luck_pack-1.0.dist-info"
    written(meta, "Metadata-Version: 2.1\nName: luck-pack\nVersion: 1.0\n", "METADATA")
    points = "[evenly.serve.routers]\nlucky = luck_pack.lucky:Lucky\nbroken = luck_pack.absent:Absent\n"
    written(meta, points, "entry_points.txt")
    monkeypatch.syspath_prepend(str(package))
    yield package
    for name in [name for name in sys.modules if name.startswith("luck_pack")]:
        del sys.modules[name]


def test_a_package_outside_adds_a_plugin_by_an_entry_point(outside: Path, tmp_path: Path) -> None:
    assert "lucky" in routers
    assert routers.about("lucky") == "Send each request to the replica with the shortest queue."
    (cell,) = cells(document(tmp_path, SCENARIO + "route: {use: lucky, weight: 2.0}\n"))
    assert list(cell.inputs) == [str(outside / "luck_pack" / "lucky.py")], "its code is a part of the run"
    (outcome,) = run([cell])
    assert outcome.facts["route"] == "lucky (weight 2.0)"
    made: Router = routers["lucky"](weight=2.0)  # type: ignore[call-arg]
    assert unstructure(made) == {"use": "lucky", "weight": 2.0}


def test_an_entry_point_that_cannot_be_loaded_says_whose_it_is(outside: Path) -> None:
    with pytest.raises(ValueError, match=re.escape("the plug-in 'broken' of luck_pack.absent:Absent cannot be loaded")):
        routers["broken"]
    assert outside.is_dir()
