"""What only a process of its own shows: signals, pipes, terminals, imports."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.user import process
from tests.sweep.samples import PYTHON, SCENARIO, written

HEAVY = ("numba", "duckdb", "scipy", "evenly.serve", "evenly.core", "numpy", "yaml", "joblib", "dask")


def test_help_and_version_import_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
from evenly.cli import main
sys.argv = ["evenly", "--help"]
try:
    main()
except SystemExit:
    pass
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_list_compiles_nothing_and_imports_no_kernel(tmp_path: Path) -> None:
    code = """
import sys
from evenly.lookup import listing
assert listing()["routers"]
print([name for name in ("numba", "duckdb", "scipy", "evenly.kernel.serving.run") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_json_is_alone_on_the_output_and_errors_on_the_error_stream(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    said = process("compare", "scenario.yaml", "--json", cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("[\n")
    said = process("compare", "nothing-of-the-kind", cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: no scenario or trace 'nothing-of-the-kind'")


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    interrupt = PYTHON.replace("from dataclasses", "import os\nimport signal\nfrom dataclasses").replace(
        "        return int(",
        "        if request == 20:\n            os.kill(os.getpid(), signal.SIGINT)\n        return int(",
    )
    written(tmp_path, interrupt, "mine.py")
    written(tmp_path, SCENARIO + "route: ./mine.py\n")
    said = process("compare", "scenario.yaml", "--out", "out", cwd=tmp_path)
    assert said.code == 128 + signal.SIGINT
    assert said.err == "stopped; run the same command again to go on\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["plan.json"]


def test_an_output_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    for words in (["list"], ["list", "--json"], ["show", "power-of-d"]):
        command = [sys.executable, "-m", "evenly", *words]
        done = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (141, "")
    os.close(write)


def test_a_terminal_shows_progress_on_the_error_stream_and_a_file_does_not(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    command = [sys.executable, "-m", "evenly", "sweep", "scenario.yaml", "--over", "replicas=1,2"]
    screen, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal, env=environment) as running:
        os.close(terminal)
        shown = b""
        while piece := _read(screen):
            shown += piece
        assert running.stdout is not None
        out = running.stdout.read().decode()
    os.close(screen)
    assert running.returncode == 0
    assert b"runs" in shown
    assert b"2" in shown
    assert "\x1b" not in out
    assert out.splitlines()[-1] == "Report: runs/scenario-sweep/report.html"


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 4096)
    except OSError:  # the terminal was closed at the other end
        return b""
