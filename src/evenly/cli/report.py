"""Draw the report of runs that are there."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from evenly.cli.command import app, examples, say


@app.command(help_epilogue=examples("evenly report runs/chat", "evenly report runs/chat --export perfetto"))
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
            say(f"Export: {writer.write(outcome, path)}")
    metrics = kind_of(cells[0].document).metrics
    page.write(merge(cells, outcomes), run / "report.html", title=title, metrics=metrics)
    say(f"Report: {run / 'report.html'}")
