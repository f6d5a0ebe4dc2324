"""Measure how uneven a trace is."""

import json
from pathlib import Path

from evenly.cli.command import Json, Out, app, examples, say, screen, stem


@app.command(
    help_epilogue=examples("evenly measure trace.csv.gz", "evenly measure trace.jsonl --json", "evenly measure tables/")
)
def measure(trace: Path, /, *, out: Out = None, as_json: Json = False) -> None:
    """Tell how uneven a trace is: bursts by time scale, length skew, concentration, shared prefixes.

    Parameters
    ----------
    trace
        A trace file in any known format, plain or gzipped; or a folder with the tables of a function platform.

    """
    if trace.is_dir():
        _tables(trace, out, as_json)
        return
    from evenly.report import measured
    from evenly.traces.describe import describe
    from evenly.traces.read import read

    found = read(trace)
    description = describe(found)
    if as_json:
        print(json.dumps(measured.plain(description), indent=1))
        return
    screen().print(measured.render(description))
    page = (out or Path("runs") / f"{stem(trace.name)}-measured") / "report.html"
    measured.write(description, found, page)
    say(f"Report: {page}")


def _tables(folder: Path, out: Path | None, as_json: bool) -> None:
    """Describe the tables of a function platform."""
    from evenly.report import measured
    from evenly.traces.functions.describe import describe

    description = describe(folder)
    if as_json:
        print(json.dumps(measured.plain(description), indent=1))
        return
    screen().print(measured.render(description))
    page = (out or Path("runs") / f"{stem(folder.resolve().name)}-measured") / "report.html"
    measured.write_tables(description, page, title=folder.resolve().name)
    say(f"Report: {page}")
