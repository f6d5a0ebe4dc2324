"""Type commands as a user does, in this process or in one of its own."""

import contextlib
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from evenly.cli import main


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


def evenly(*words: str, cwd: Path | None = None) -> Said:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main(list(words))
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return Said(code, out.getvalue(), err.getvalue())


def process(*words: str, cwd: Path) -> Said:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "evenly", *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr)
