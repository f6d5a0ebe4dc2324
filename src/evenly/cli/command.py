"""What every command is made of: the app that it joins, the options that several share, and how it talks."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

import evenly

if TYPE_CHECKING:
    from evenly.core import Document


def examples(*lines: str) -> str:
    """Return the examples below a help text."""
    return "Examples: " + " · ".join(f"`{line}`" for line in lines)


app = App(
    name="evenly",
    version=evenly.__version__,
    help="Measure, compare and cure uneven work in AI systems.",
    help_epilogue=examples(
        "evenly compare",
        "evenly compare trace.csv",
        "evenly compare scenario.yaml --set replicas=8",
        "evenly measure trace.jsonl",
        "evenly reproduce fastgen",
    ),
    suppress_keyboard_interrupt=False,  # `main` says how to go on
)
DEFAULT = "chat"  # the scenario that `compare` runs without an argument
ASSIGNING = ("--set", "-s", "--over")  # options whose values are YAML
WIDTH = 160  # characters of a table that goes into a file or pipe

Sets = Annotated[list[str], Parameter(name=["--set", "-s"], negative="", help="Change one value: `route.d=4`.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON and nothing else.")]
Out = Annotated[Path | None, Parameter(name=["--out", "-o"], help="Folder of the results; by default in `runs`.")]
Seeds = Annotated[int, Parameter(help="Number of seeds, counted from the scenario's own.")]
Jobs = Annotated[int, Parameter(name=["--jobs", "-j"], help="Processes that share the runs.")]
Like = Annotated[str, Parameter(help="Of a trace file: the scenario whose variants serve it; by default `chat`.")]
Cost = Annotated[Path | None, Parameter(help="Measured profile of a card, used as cost table.")]


def check_words(words: Sequence[str]) -> None:
    """Raise `ValueError` for a change or an axis that the shell cut in pieces, for it was not quoted.

    >>> check_words(["sweep", "chat", "--over", "route={use:", "power-of-d,", "d:", "3}"])
    Traceback (most recent call last):
    ValueError: --over route={use: is cut off at a space; put it in quotes: --over 'route={use: power-of-d, d: 3}'
    """
    for place, word in enumerate(words):
        option, sign, value = word.partition("=")
        if option not in ASSIGNING:
            continue
        rest = list(words[place + 1 :]) if sign else list(words[place + 2 :])
        value = value if sign else next(iter(words[place + 1 :]), "")
        for count in range(1, len(rest) + 1):
            if _open(value) <= 0:
                break
            whole = " ".join([value, *rest[:count]])
            if _open(whole) == 0:
                raise ValueError(f"{option} {value} is cut off at a space; put it in quotes: {option} '{whole}'")


def _open(text: str) -> int:
    """Return how many brackets open and do not close."""
    return sum((char in "{[") - (char in "}]") for char in text)


def asked(name: str, sets: list[str], cost: Path | None, like: str = "") -> "Document":
    """Return the document of a scenario file, an embedded scenario or a trace, changed by `--set` and `--cost`.

    A trace is served as the scenario `like` says, by default the one of `compare` without an argument. Raises
    `ValueError` for what is none of them and for changes that are none.
    """
    changes: dict[str, Any] = {}
    if cost is not None:
        if not cost.exists():
            raise ValueError(f"--cost: no file or folder '{cost}'")
        changes["cost"] = {"use": "profile", "path": str(cost.resolve())}
    document = _scenario(name)
    if document is None and Path(name).exists():
        return _on_trace(Path(name), like, changes, sets)
    if document is None:
        raise ValueError(f"no scenario or trace '{name}'; {_near(name)}")
    if like:
        raise ValueError(f"--like {like}: '{name}' is a scenario already; give a trace file, or leave --like out")
    for key, value in changes.items():
        document = document.replace(key, value, f"--{key}")
    for assignment in sets:
        document = document.override(assignment)
    return document


def _scenario(name: str) -> "Document | None":
    """Return the document of a scenario file or of an embedded scenario; `None` if the name is neither."""
    from evenly.core import Document
    from evenly.lookup import scenario_files

    path, embedded = Path(name), scenario_files()
    if path.suffix in (".yaml", ".yml"):
        return Document.read(path)
    return Document.read(embedded[name]) if name in embedded and not path.is_file() else None


def _on_trace(path: Path, like: str, changes: dict[str, Any], sets: list[str]) -> "Document":
    """Return the document of a trace that is served as a scenario says; what was derived goes to the error stream."""
    from evenly.sweep.fit import on_trace

    base = _scenario(like or DEFAULT)
    if base is None:
        raise ValueError(f"--like: no scenario '{like}'; {_near(like)}")
    document, notes = on_trace(base, path.resolve(), changes, sets)
    for note in notes:
        print(note, file=sys.stderr)
    return document


def _near(name: str) -> str:
    """Return the embedded scenario whose name is closest, or all of them."""
    from evenly.core.meant import meant
    from evenly.lookup import scenario_files

    return meant(name, scenario_files(), f"embedded scenarios: {', '.join(scenario_files())}")


def workload(name: str, sets: list[str], variant: str = "") -> "Document":
    """Return a document whose trace is sent: a scenario, or only its variant of that name, or a trace file alone.

    Raises `ValueError` for what is none of them, for changes that are none and for a variant that does not exist.
    """
    from evenly.core import Document
    from evenly.lookup import scenario_files
    from evenly.sweep.idle import variants

    path = Path(name)
    if path.suffix in (".yaml", ".yml") or (name in scenario_files() and not path.is_file()) or not path.exists():
        document = asked(name, sets, None)
        if not variant:
            return document
        known = variants(document) if document.raw.get("compare") else {}
        if variant not in known:
            near = f"; it has {', '.join(map(repr, known))}" if known else "; it has none"
            raise ValueError(f"{document.source}: no variant '{variant}'{near}")
        return known[variant]
    if variant:
        raise ValueError(f"{name}: a trace has no variant '{variant}'; name a scenario")
    document = Document.parse("kind: serve", name).replace("name", path.name)
    document = document.replace("trace", {"use": "file", "path": str(path.resolve())})
    for assignment in sets:
        document = document.override(assignment)
    return document


def stem(name: str) -> str:
    """Return what a folder of results is called after: a file name without its endings.

    >>> stem("data/trace.csv.gz"), stem(".hidden.yaml"), stem("chat")
    ('trace', 'hidden', 'chat')
    """
    return Path(name).name.lstrip(".").partition(".")[0] or "run"


def positive(name: str, value: int) -> int:
    """Return the value of an option that counts something; raise `ValueError` if it is below 1."""
    if value < 1:
        raise ValueError(f"--{name} is at least 1, not {value}")
    return value


def screen() -> Any:
    """Return a console that is as wide as the terminal, or as a table in a file."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Piped(width=None if sys.stdout.isatty() else WIDTH)


def say(text: str) -> None:
    """Print text as it is: neither markup nor broken lines, so that a path can be copied."""
    print(text)
