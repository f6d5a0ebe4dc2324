"""The command line: measure, compare, sweep, reproduce, and look things up.

Heavy packages are imported by the command that needs them, so that help is instant.
"""

import contextlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

import evenly

if TYPE_CHECKING:
    from evenly.core import Document
    from evenly.sweep.plan import Cell

app = App(
    name="evenly",
    version=evenly.__version__,
    help="Measure, compare and cure uneven work in AI systems.",
    help_epilogue=(
        "Examples: `evenly compare` (an embedded scenario) · `evenly compare trace.csv` · "
        "`evenly compare scenario.yaml --set replicas=8` · `evenly measure trace.jsonl` · `evenly reproduce fastgen`"
    ),
)
DEFAULT = "chat"  # the scenario that `compare` runs without an argument

Sets = Annotated[list[str], Parameter(name=["--set", "-s"], negative="", help="Change one value: `route.d=4`.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON and nothing else.")]
Out = Annotated[Path | None, Parameter(name=["--out", "-o"], help="Folder of the results.")]
Seeds = Annotated[int, Parameter(help="Number of seeds, counted from the scenario's own.")]
Jobs = Annotated[int, Parameter(name=["--jobs", "-j"], help="Processes that share the runs.")]


@app.command
def compare(
    scenario: str = DEFAULT,
    /,
    *,
    sets: Sets = [],  # noqa: B006 cyclopts reads the default and never changes it
    cost: Path | None = None,
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
    cost
        Measured profile of a card, used as cost table.

    """
    from evenly.sweep.plan import cells

    document = _document(scenario, sets, cost)
    first = int(document.raw.get("seed", 0)) if isinstance(document.raw.get("seed", 0), int) else 0
    plan = cells(document, range(first, first + _positive("seeds", seeds)))
    _finish(document, plan, out or Path("runs") / Path(scenario).stem.split(".")[0], jobs, "loky", "", as_json)


@app.command
def sweep(
    scenario: str,
    /,
    *,
    over: Annotated[list[str], Parameter(name="--over", negative="")],
    sets: Sets = [],  # noqa: B006
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
    over
        One axis of the grid: `trace.rate=2,4,8`, `trace.rate=1:20:10` (from, to, points), `engine=vllm-v1,sarathi`.
    backend
        `loky` uses the cores of this machine, `dask` a Dask cluster (a local one unless --scheduler names another).
    scheduler
        Address of a Dask scheduler.

    """
    from evenly.sweep.plan import axis, cells

    document = _document(scenario, sets, None)
    first = int(document.raw.get("seed", 0)) if isinstance(document.raw.get("seed", 0), int) else 0
    plan = cells(document, range(first, first + _positive("seeds", seeds)), dict(axis(text) for text in over))
    folder = out or Path("runs") / f"{Path(scenario).stem}-sweep"
    _finish(document, plan, folder, jobs, backend, scheduler, as_json)


@app.command
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
    page = (out or Path("runs") / f"{trace.name.split('.')[0]}-measured") / "report.html"
    measured.write(description, found, page)
    _console().print(f"Report: {page}")


@app.command
def report(run: Path, /, *, export: Annotated[list[str], Parameter(negative="")] = []) -> None:  # noqa: B006
    """Draw the report of a folder of runs again, and write the runs in the formats of other tools.

    Parameters
    ----------
    run
        A folder that `compare` or `sweep` wrote.
    export
        `vllm-bench`, `jsonl` or `perfetto`; files appear in the folder of each run. May be repeated.

    """
    from evenly.core import Document
    from evenly.report import page
    from evenly.report.exports import exports
    from evenly.sweep import folder
    from evenly.sweep.scenarios import kind_of

    found = sorted(path.parent for path in run.glob("*/marks.json"))
    if not found:
        raise ValueError(f"{run}: no runs here; name a folder that compare or sweep wrote")
    outcomes = [folder.read(path) for path in found]
    for name in export:
        writer = exports[name]()
        for path, outcome in zip(found, outcomes, strict=True):
            _console().print(f"Export: {writer.write(outcome, path)}", highlight=False)
    document = Document.read(found[0] / "scenario.yaml")
    page.write(outcomes, run / "report.html", title=run.name, metrics=kind_of(document).metrics)
    _console().print(f"Report: {run / 'report.html'}")


@app.command
def reproduce(
    names: Annotated[list[str] | None, Parameter(negative="")] = None,
    /,
    *,
    seeds: int = 5,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Run published comparisons and print the published figure beside ours; misses are told.

    The exit code is 0 only if every claim lies in its band or is a declared miss.

    Parameters
    ----------
    names
        Published systems (`evenly list papers`); `all` or nothing for all of them.
    seeds
        At least 5.

    """
    from evenly.papers import evidence
    from evenly.papers.reproduce import exit_code
    from evenly.papers.reproduce import reproduce as run
    from evenly.papers.table import table

    chosen = evidence.names() if not names or names == ["all"] else names
    rows = []
    for name in chosen:
        with _progress(name, quiet=as_json) as tell:
            rows += run(name, seeds, jobs, tell)
        if not as_json:
            _console().print(table([row for row in rows if row.system == name]))
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=1))
    raise SystemExit(exit_code(rows))


@app.command(name="list")
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
        print(json.dumps(found, indent=1))
        return
    for title, entries in found.items():
        _console().print(f"[bold]{title}[/]")
        for name, about in entries.items():
            _console().print(f"  {name:<20} [dim]{about}[/]", highlight=False)


@app.command
def show(name: str, /) -> None:
    """Show one plug-in, scenario or published system: what it does, its knobs, its reference, an example.

    Parameters
    ----------
    name
        Name as `evenly list` prints it, with the room in front if it is ambiguous: `routers/power-of-d`.

    """
    from evenly.lookup import describe

    _console().print(describe(name), markup=False, highlight=False)


def main() -> None:
    """Run the command line; a mistake of the user ends in one message and exit code 2."""
    try:
        app()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)


def _document(name: str, sets: list[str], cost: Path | None) -> "Document":
    from evenly.core import Document
    from evenly.lookup import scenario_files

    path = Path(name)
    embedded = scenario_files()
    if path.suffix in (".yaml", ".yml"):
        document = Document.read(path)
    elif name in embedded and not path.exists():
        document = Document.read(embedded[name])
    elif path.exists():
        from evenly.sweep.fit import on_trace

        document, notes = on_trace(Document.read(embedded[DEFAULT]), path)
        for note in notes:
            print(note, file=sys.stderr)
    else:
        raise ValueError(f"no scenario or trace '{name}'; embedded scenarios: {', '.join(embedded)}")
    if cost is not None:
        document = document.replace("cost", {"use": "profile", "path": str(cost)})
    for assignment in sets:
        document = document.override(assignment)
    return document


def _finish(
    document: "Document", plan: "list[Cell]", out: Path, jobs: int, backend: Any, scheduler: str, as_json: bool
) -> None:
    from evenly.report import page, table, verdict
    from evenly.sweep.execute import run
    from evenly.sweep.scenarios import kind_of
    from evenly.sweep.summary import merge, rows

    metrics = kind_of(document).metrics
    with _progress("runs", quiet=as_json) as tell:
        outcomes = run(plan, out, _positive("jobs", jobs), backend, scheduler, tell)
    merged = merge(plan, outcomes)
    title = str(document.raw.get("name") or Path(document.source).stem)
    page.write(merged, out / "report.html", title=title, metrics=metrics)
    if as_json:
        print(json.dumps(rows(plan, outcomes), indent=1, default=_finite))
        return
    console = _console()
    console.print(table.render(merged, metrics))
    console.print(f"\n{verdict.sentence(merged, metrics)}\n", highlight=False)
    console.print(f"Report: {out / 'report.html'}", highlight=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else str(value)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"--{name} is at least 1, not {value}")
    return value


def _console() -> Any:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


@contextlib.contextmanager
def _progress(title: str, quiet: bool) -> Iterator[Any]:
    """Show a progress bar on the error stream, if a person watches it."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
