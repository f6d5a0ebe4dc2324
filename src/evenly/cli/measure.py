"""Measure how uneven a trace is."""

import json
from pathlib import Path

from evenly.cli.command import Json, Out, app, examples, say, screen, stem


@app.command(help_epilogue=examples("evenly measure trace.csv.gz", "evenly measure trace.jsonl --json"))
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
    screen().print(measured.render(description))
    page = (out or Path("runs") / f"{stem(trace.name)}-measured") / "report.html"
    measured.write(description, found, page)
    say(f"Report: {page}")
