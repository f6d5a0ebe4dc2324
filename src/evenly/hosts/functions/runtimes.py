"""Runtimes whose interpreters are started for real: Python, sh and Node, as far as they are installed."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter, the program that makes it a worker, and the function that it runs."""

    name: str
    command: tuple[str, ...]
    "Command line without the program."
    program: str
    "File of the worker, in the folder of programs."
    code: str
    "Source of a function `handle` that runs for a number of seconds."
    ending: str
    "Ending of the file with that source."
    packages: tuple[str, ...] = ()
    "Packages or tools that the function depends on, where it has dependencies."

    def line(self) -> list[str]:
        """Return the command line that starts an idle interpreter."""
        return [*self.command, str(PROGRAMS / self.program)]


def runtimes() -> dict[str, Runtime]:
    """Return the runtimes that are installed, by name."""
    known = (
        Runtime(
            "python",
            (sys.executable, "-I"),
            "worker.py",
            "def handle(seconds):\n    time.sleep(seconds)\n",
            ".py",
            ("json", "decimal", "email.message", "http.client", "xml.dom.minidom", "numpy"),
        ),
        Runtime("sh", ("sh",), "worker.sh", 'handle() { sleep "$1"; }\n', ".sh", ("sleep", "cat", "sort", "sed")),
        Runtime(
            "node",
            ("node",),
            "worker.js",
            "module.exports = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));\n",
            ".js",
            ("http", "zlib", "crypto", "url"),
        ),
    )
    return {one.name: one for one in known if shutil.which(one.command[0])}
