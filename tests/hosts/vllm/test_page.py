"""The page "From simulation to your vLLM" does what it says, up to a served vLLM that is shut down cleanly."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.vllm.server import left, model_folder, needs_vllm, serving, stop
from tests.test_docs import Block, blocks

needs_vllm()
pytestmark = pytest.mark.vllm
ADDRESS = "http://127.0.0.1:8000/v1"  # as the page has it
TIME = 300.0  # seconds that a command may take


def commands(block: Block) -> list[list[str]]:
    """Return the commands of a block as words; a backslash at the end of a line joins it to the next."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def evenly(folder: Path, words: list[str]) -> str:
    """Run a command as a user would; fail with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "evenly", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIME,
        env=os.environ | {"COLUMNS": "120"},
    )
    assert done.returncode == 0, f"evenly {shlex.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_of_the_page_runs_and_the_server_ends_cleanly(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    before: list[list[str]] = []
    after: list[list[str]] = []
    served: list[str] = []
    for block in blocks("vllm"):
        if block.title:
            (folder / block.title).write_text(block.text)
        for words in commands(block) if block.kind == "console" else ():
            if words[0] == "vllm":
                served = words
            else:
                assert words[0] == "evenly"
                (after if served else before).append(words[1:])
    assert len(before) == 1
    assert len(after) == 3
    for words in before:
        evenly(folder, words)
    assert served[:3] == ["vllm", "serve", "MODEL"]
    flags = served[3:]
    for name in ("--host", "--port"):
        place = flags.index(name)
        del flags[place : place + 2]
    with serving(folder, (*flags, "--block-size", "32")) as server:
        evenly(folder, [word.replace(ADDRESS, server.url) for word in after[0]])
        stop(server.process)
        assert server.process.returncode == 0, server.log.read_text()[-2000:]
        assert not left(server.process)
    header, *lines = (folder / "steps.jsonl").read_text().splitlines()
    assert json.loads(header)["policy"]["order"]["use"] == "program-first-come"
    assert len(lines) > 20
    said = [evenly(folder, words) for words in after[1:]]
    assert "Engine: engine.yaml" in said[0]
    assert "Report:" in said[1]
    assert (folder / "runs").is_dir()
