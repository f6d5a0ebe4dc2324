"""The command line: measure, compare, sweep, reproduce, and look things up.

Heavy packages are imported by the command that needs them, so that help is instant. Results go to the output, notes,
progress and errors to the error stream.
"""

import difflib
import gc
import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

import evenly

if TYPE_CHECKING:
    from evenly.core import Document
    from evenly.sweep.plan import Cell


def _examples(*lines: str) -> str:
    return "Examples: " + " · ".join(f"`{line}`" for line in lines)


app = App(
    name="evenly",
    version=evenly.__version__,
    help="Measure, compare and cure uneven work in AI systems.",
    help_epilogue=_examples(
        "evenly compare",
        "evenly compare trace.csv",
        "evenly compare scenario.yaml --set replicas=8",
        "evenly measure trace.jsonl",
        "evenly reproduce fastgen",
    ),
    suppress_keyboard_interrupt=False,  # `main` says how to go on
)
DEFAULT = "chat"  # the scenario that `compare` runs without an argument
WIDTH = 160  # characters of a table that goes into a file or pipe

Sets = Annotated[list[str], Parameter(name=["--set", "-s"], negative="", help="Change one value: `route.d=4`.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON and nothing else.")]
Out = Annotated[Path | None, Parameter(name=["--out", "-o"], help="Folder of the results; by default in `runs`.")]
Seeds = Annotated[int, Parameter(help="Number of seeds, counted from the scenario's own.")]
Jobs = Annotated[int, Parameter(name=["--jobs", "-j"], help="Processes that share the runs.")]
Cost = Annotated[Path | None, Parameter(help="Measured profile of a card, used as cost table.")]


@app.command(
    help_epilogue=_examples(
        "evenly compare", "evenly compare scenario.yaml --seeds 5 --jobs 2", "evenly compare trace.csv --set replicas=8"
    )
)
def compare(
    scenario: str = DEFAULT,
    /,
    *,
    sets: Sets = [],  # noqa: B006 cyclopts reads the default and never changes it
    cost: Cost = None,
    seeds: Seeds = 1,
    jobs: Jobs = 1,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compare policies on one workload: a table, a sentence on who wins and why, and report.html.

    Parameters
    ----------
    scenario
        A scenario file, the name of an embedded one (`evenly list scenarios`), or a trace file in any known format,
        on which the engines of the embedded scenario are compared.

    """
    from evenly.sweep.plan import cells

    document = _document(scenario, sets, cost)
    plan = cells(document, _positive("seeds", seeds))
    _finish(document, plan, out or Path("runs") / _stem(scenario), jobs, "loky", "", as_json)


@app.command(
    help_epilogue=_examples(
        "evenly sweep chat --over trace.rate=4:16:7",
        "evenly sweep scenario.yaml --over replicas=2,4,8 --over engine=vllm-v1,sarathi --jobs 2",
    )
)
def sweep(
    scenario: str,
    /,
    *,
    over: Annotated[list[str], Parameter(name="--over", negative="")],
    sets: Sets = [],  # noqa: B006
    cost: Cost = None,
    seeds: Seeds = 1,
    jobs: Jobs = 1,
    backend: Literal["loky", "dask"] = "loky",
    scheduler: str = "",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Run a scenario over a grid; a sweep that was stopped goes on where it was.

    Parameters
    ----------
    scenario
        A scenario file, the name of an embedded one, or a trace file.
    over
        One axis of the grid: `trace.rate=2,4,8`, `trace.rate=1:20:10` (from, to, points), `engine=vllm-v1,sarathi`.
    backend
        `loky` uses the cores of this machine, `dask` a Dask cluster (a local one unless --scheduler names another).
    scheduler
        Address of a Dask scheduler.

    """
    from evenly.sweep.plan import cells, grid

    document = _document(scenario, sets, cost)
    plan = cells(document, _positive("seeds", seeds), grid(over))
    _finish(document, plan, out or Path("runs") / f"{_stem(scenario)}-sweep", jobs, backend, scheduler, as_json)


@app.command(help_epilogue=_examples("evenly measure trace.csv.gz", "evenly measure trace.jsonl --json"))
def measure(trace: Path, /, *, out: Out = None, as_json: Json = False) -> None:
    """Tell how uneven a trace is: bursts by time scale, length skew, concentration, shared prefixes.

    Parameters
    ----------
    trace
        A trace file in any known format, plain or gzipped.

    """
    from evenly.report import measured
    from evenly.traces.describe import describe
    from evenly.traces.read import read

    found = read(trace)
    description = describe(found)
    if as_json:
        print(json.dumps(measured.plain(description), indent=1))
        return
    _console().print(measured.render(description))
    page = (out or Path("runs") / f"{_stem(trace.name)}-measured") / "report.html"
    measured.write(description, found, page)
    _say(f"Report: {page}")


@app.command(help_epilogue=_examples("evenly report runs/chat", "evenly report runs/chat --export perfetto"))
def report(run: Path, /, *, export: Annotated[list[str], Parameter(negative="")] = []) -> None:  # noqa: B006
    """Draw the report of a folder of runs again, and write the runs in the formats of other tools.

    Parameters
    ----------
    run
        A folder that `compare` or `sweep` wrote, whose last comparison is drawn, or the folder of one run in it.
    export
        `vllm-bench`, `aiperf`, `jsonl` or `perfetto`; files appear in the folder of each run. May be repeated.

    """
    from evenly.report import page
    from evenly.report.exports import exports
    from evenly.sweep import record
    from evenly.sweep.scenarios import kind_of
    from evenly.sweep.summary import merge

    writers = [exports[name]() for name in export]
    title, cells, folders, missing = record.read(run)
    if missing:
        print(f"{missing} runs are not complete; run the same command again to go on", file=sys.stderr)
    outcomes = record.outcomes(folders)
    for writer in writers:
        for path, outcome in zip(folders, outcomes, strict=True):
            _say(f"Export: {writer.write(outcome, path)}")
    metrics = kind_of(cells[0].document).metrics
    page.write(merge(cells, outcomes), run / "report.html", title=title, metrics=metrics)
    _say(f"Report: {run / 'report.html'}")


@app.command(help_epilogue=_examples("evenly reproduce", "evenly reproduce fastgen --jobs 2 --json"))
def reproduce(
    names: Annotated[list[str] | None, Parameter(negative="")] = None,
    /,
    *,
    seeds: Annotated[int, Parameter(help="Number of seeds, at least 5.")] = 5,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Run published comparisons and print the published figure beside ours; misses are told.

    The exit code is 0 only if every claim lies in its band or is a declared miss.

    Parameters
    ----------
    names
        Published systems (`evenly list papers`); `all` or nothing for all of them.

    """
    from evenly.papers import evidence
    from evenly.papers.reproduce import exit_code
    from evenly.papers.reproduce import reproduce as run
    from evenly.papers.table import table
    from evenly.report.progress import progress

    chosen = evidence.names() if not names or names == ["all"] else names
    for name in chosen:
        evidence.read(name)  # a wrong name is told before anything runs
    rows = []
    for name in chosen:
        with progress(name, quiet=as_json) as tell:
            found = run(name, seeds, _positive("jobs", jobs), tell)
        rows += found
        if not as_json:
            _console().print(table(found))
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=1))
    raise SystemExit(exit_code(rows))


@app.command(name="list", help_epilogue=_examples("evenly list", "evenly list routers", "evenly list --json"))
def list_(room: str | None = None, /, *, as_json: Json = False) -> None:
    """List what there is: rooms and their plug-ins, embedded scenarios, published systems.

    Parameters
    ----------
    room
        One room, for instance `routers`; all by default.

    """
    from evenly.lookup import listing

    found = listing(room)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for title, entries in found.items():
        _console().print(f"[bold]{title}[/]")
        for name, about in entries.items():
            _console().print(f"  {name:<20} {about}", highlight=False, markup=False)


@app.command(help_epilogue=_examples("evenly show power-of-d", "evenly show engines/fastgen", "evenly show chat"))
def show(name: str, /) -> None:
    """Show one plug-in, scenario or published system: what it does, its knobs, its reference, an example.

    Parameters
    ----------
    name
        Name as `evenly list` prints it, with the room in front if it is ambiguous: `routers/power-of-d`; or a Python
        file of your own: `routers/mine.py`.

    """
    from evenly.lookup import describe

    _say(describe(name))


def main(words: list[str] | None = None) -> None:
    """Run the command line; a mistake of the user ends in one message and exit code 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            try:
                app(sys.argv[1:] if words is None else words)
            finally:
                sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except ValueError as error:
        _fail(str(error))
    except MemoryError:
        _fail("memory is used up; take fewer requests, replicas or jobs")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    finally:
        gc.freeze()  # else Python searches half a million objects for garbage before it lets go of all of them


def _warn(message: Warning | str, *place: Any, **more: Any) -> None:
    """Show a warning as a sentence; where in the code it arose says nothing to a user."""
    print(f"warning: {message}", file=sys.stderr)


def _fail(text: str) -> None:
    for line in text.splitlines():
        print(f"error: {line}", file=sys.stderr)
    sys.exit(2)


def _document(name: str, sets: list[str], cost: Path | None) -> "Document":
    from evenly.core import Document
    from evenly.lookup import scenario_files

    path = Path(name)
    embedded = scenario_files()
    changes: dict[str, Any] = {}
    if cost is not None:
        if not cost.exists():
            raise ValueError(f"--cost: no file or folder '{cost}'")
        changes["cost"] = {"use": "profile", "path": str(cost.resolve())}
    if path.suffix in (".yaml", ".yml"):
        document = Document.read(path)
    elif name in embedded and not path.is_file():
        document = Document.read(embedded[name])
    elif path.exists():
        from evenly.sweep.fit import on_trace

        document, notes = on_trace(Document.read(embedded[DEFAULT]), path.resolve(), changes, sets)
        for note in notes:
            print(note, file=sys.stderr)
        return document
    else:
        near = difflib.get_close_matches(name, embedded, 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"embedded scenarios: {', '.join(embedded)}"
        raise ValueError(f"no scenario or trace '{name}'; {hint}")
    for key, value in changes.items():
        document = document.replace(key, value, f"--{key}")
    for assignment in sets:
        document = document.override(assignment)
    return document


def _finish(
    document: "Document", plan: "list[Cell]", out: Path, jobs: int, backend: Any, scheduler: str, as_json: bool
) -> None:
    from evenly.report import page, table, verdict
    from evenly.report.progress import progress
    from evenly.sweep import folder, penalty, record
    from evenly.sweep.execute import run
    from evenly.sweep.scenarios import kind_of
    from evenly.sweep.summary import merge, rows

    metrics = kind_of(document).metrics
    title = str(document.raw.get("name") or Path(document.source).stem)
    folder.prepare(out)
    record.write(plan, title, out)
    with progress("runs", quiet=as_json) as tell:
        outcomes = run(plan, out, _positive("jobs", jobs), backend, scheduler, tell)
    merged = merge(plan, outcomes)
    page.write(merged, out / "report.html", title=title, metrics=metrics)
    if as_json:
        print(json.dumps(rows(plan, outcomes), indent=1, ensure_ascii=False))
        return
    console = _console()
    console.print(table.render(merged, metrics))
    sentence = verdict.sentence(merged, metrics)
    console.print(f"\n{sentence}\n" if sentence else "", highlight=False, markup=False)
    if bursts := penalty.sentence(plan, merged):
        console.print(f"{bursts}\n", highlight=False, markup=False)
    _say(f"Report: {out / 'report.html'}")


def _stem(name: str) -> str:
    """Return what a folder of results is called after: a file name without its endings.

    >>> _stem("data/trace.csv.gz"), _stem(".hidden.yaml"), _stem("chat")
    ('trace', 'hidden', 'chat')
    """
    return Path(name).name.lstrip(".").partition(".")[0] or "run"


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"--{name} is at least 1, not {value}")
    return value


def _console() -> Any:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Piped(width=None if sys.stdout.isatty() else WIDTH)


def _say(text: str) -> None:
    """Print text as it is: neither markup nor broken lines, so that a path can be copied."""
    print(text)
