"""What a search found is kept for other processes, and for nothing but the same question."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Floats
from evenly.hardware.overlap import cache
from evenly.hardware.overlap.cache import kept

PROCESS = """
import sys
from dataclasses import replace
from evenly.hardware.costs import nanoflow

nanoflow.SEEDS, nanoflow.MOVES, searches, split = (0,), int(sys.argv[1]), [], nanoflow._split
nanoflow._split = lambda *asked: (searches.append(1), split(*asked))[1]
if len(sys.argv) > 2:  # kernels that somebody measured again
    measured, slower = nanoflow.profile, float(sys.argv[2])
    def again(*name):
        found = measured(*name)
        up = replace(found.curves["up"], seconds=slower * found.curves["up"].seconds)
        return replace(found, curves={**found.curves, "up": up})
    nanoflow.profile = again
memory, seconds = nanoflow.layers("llama-3-8b/a100-80gb/1", "all", "paper")
print(len(searches), seconds.tobytes().hex())
"""


def asked(folder: Path, *words: str) -> tuple[int, str]:
    """Ask for layers in a process of its own; return how often it searched, and the seconds."""
    command = [sys.executable, "-c", PROCESS, *words]
    environment = {**os.environ, "EVENLY_CACHE": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    searches, seconds = done.stdout.split()
    return int(searches), seconds


def test_a_second_process_is_served_what_the_first_one_found_and_another_question_is_not(tmp_path: Path) -> None:
    first = asked(tmp_path, "30")
    assert first[0] > 0
    assert asked(tmp_path, "30") == (0, first[1])
    assert asked(tmp_path, "31")[0] == first[0], "another search"
    slower = asked(tmp_path, "30", "1.5")
    assert slower[0] == first[0], "other kernels"
    assert slower[1] != first[1]
    assert asked(tmp_path, "30", "1.5") == (0, slower[1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENLY_CACHE", str(tmp_path))
    return tmp_path


def counted(found: list[int]) -> Floats:
    found.append(1)
    return np.arange(6.0).reshape(2, 3)


def test_changed_code_asks_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    kept("a", lambda: counted(found))
    kept("a", lambda: counted(found))
    assert len(found) == 1
    monkeypatch.setattr(cache, "code", lambda: "another")
    kept("a", lambda: counted(found))
    assert len(found) == 2


@pytest.mark.parametrize("broken", [b"", b"junk", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'"])
def test_a_broken_file_is_passed_over_and_written_again(folder: Path, broken: bytes) -> None:
    found: list[int] = []
    kept("a", lambda: counted(found))
    (path,) = folder.rglob("*.npy")
    path.write_bytes(broken)
    assert np.array_equal(kept("a", lambda: counted(found)), counted([]))
    assert np.array_equal(kept("a", lambda: counted(found)), counted([]))
    assert len(found) == 2
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no half-written file stays"


def test_objects_are_never_unpickled(folder: Path) -> None:
    found: list[int] = []
    kept("a", lambda: counted(found))
    (path,) = folder.rglob("*.npy")
    np.save(path, np.array([{}], object), allow_pickle=True)
    kept("a", lambda: counted(found))
    assert len(found) == 2


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVENLY_CACHE", str(tmp_path / "file"))
    found: list[int] = []
    assert np.array_equal(kept("a", lambda: counted(found)), counted([]))
