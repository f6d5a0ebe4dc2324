"""Every plug-in of every room sits the general exam; and the exam itself is examined."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from evenly.core import Catalog
from evenly.lookup import rooms
from evenly.serve.routers import routers
from evenly.testing import plugin
from tests.sweep.samples import COMPILED, PYTHON, written

EVERY = [(noun, name) for noun, catalog in rooms().items() for name in catalog]


@pytest.mark.parametrize(("noun", "name"), EVERY, ids=[f"{noun}/{name}" for noun, name in EVERY])
def test_every_plugin_keeps_the_contract(noun: str, name: str) -> None:
    plugin.check(rooms()[noun], name)


def test_the_rooms_that_a_scenario_chooses_from_are_found() -> None:
    assert {"routers", "engines", "sources", "costs", "partitioners", "formats", "exports"} <= set(rooms())


@pytest.mark.parametrize("text", [PYTHON, COMPILED], ids=["python", "compiled"])
def test_a_file_of_the_users_own_sits_the_same_exam(tmp_path: Path, text: str) -> None:
    weak = "return np.zeros(1)"
    assert weak not in text
    checked = text.replace(
        '    "What a waiting request counts for."\n',
        """    "What a waiting request counts for."

    def __post_init__(self):
        if not 0 <= self.weight < 1e9:
            raise ValueError(f"weight is at least 0, not {self.weight}")
""",
    )
    path = written(tmp_path, checked, "mine.py")
    plugin.check(routers, str(path))


BAD = {
    "not frozen": (PYTHON.replace("frozen=True, ", ""), "not frozen"),
    "no slots": (PYTHON.replace(", slots=True", ""), "no slots"),
    "two classes": (PYTHON + "\n\nclass Other:\n    pass\n", "one public class a file, not Mine, Other"),
    "no docstring": (
        PYTHON.replace('    """Send each request to the replica with the shortest queue."""\n', ""),
        "no docstring",
    ),
    "no sentence": (PYTHON.replace("shortest queue.", "shortest"), "begins with a sentence on one line"),
    "no field docs": (PYTHON.replace('    "What a waiting request counts for."\n', ""), "no string under weight"),
    "takes anything": (PYTHON, "takes any number"),
    "not a value": (PYTHON.replace("slots=True)", "slots=True, eq=False)"), "a copy differs"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=list(BAD))
def test_the_exam_says_what_a_plugin_lacks(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text, "mine.py")
    with pytest.raises(AssertionError, match=said):
        plugin.check(routers, str(path))


def test_an_example_is_asked_for_where_none_can_be_invented() -> None:
    @dataclass(frozen=True)
    class Sample:
        pieces: tuple[int, ...]

    with pytest.raises(AssertionError, match="no example of pieces can be invented"):
        plugin.sample(Sample)


def test_an_example_of_another_class_is_refused() -> None:
    catalog: Catalog[object] = rooms()["routers"]
    with pytest.raises(AssertionError, match="the example is a int"):
        plugin.check(catalog, "power-of-d", 3)
