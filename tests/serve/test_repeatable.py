"""Equal seeds give run folders that are equal byte by byte, on repeated runs and in other processes."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from evenly.core import Document
from evenly.serve.engines import engines
from evenly.sweep.folder import write
from evenly.sweep.scenarios import scenario_of

TEXT = """
kind: serve
trace: {{use: poisson, rate: 5.0, requests: 80, users: 5, lengths: {{use: normal, prompt: 200, output: 40}}}}
replicas: 2
engine: {engine}
route: power-of-d
kv_tokens: 3000
max_model_len: 1500
seed: {seed}
"""
SCRIPT = "import sys; from tests.serve.test_repeatable import folder; print(folder(*sys.argv[1:4]))"


def folder(engine: str, seed: str, place: str) -> str:
    """Run a scenario into a folder; return a digest of all its files with their names."""
    document = Document.parse(TEXT.format(engine=engine, seed=seed))
    write(scenario_of(document).run(), document, Path(place))
    digest = hashlib.sha256()
    for path in sorted(Path(place).rglob("*")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize("engine", list(engines))
def test_equal_seeds_give_equal_bytes_here_and_in_another_process(engine: str, tmp_path: Path) -> None:
    here = folder(engine, "7", str(tmp_path / "one"))
    assert folder(engine, "7", str(tmp_path / "two")) == here
    assert folder(engine, "8", str(tmp_path / "other")) != here
    command = [sys.executable, "-c", SCRIPT, engine, "7", str(tmp_path / "three")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here
