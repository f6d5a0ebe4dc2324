"""Measure how uneven a trace is, or a data set to train on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from evenly.cli.command import Json, Out, app, examples, positive, say, screen, stem


@app.command(
    help_epilogue=examples(
        "evenly measure trace.csv.gz",
        "evenly measure trace.jsonl --json",
        "evenly measure tables/",
        "evenly measure tokenised.parquet --ranks 16 --batch 4",
    )
)
def measure(
    trace: Path,
    /,
    *,
    ranks: Annotated[int, Parameter(help="Of a data set: data-parallel ranks.")] = 8,
    batch: Annotated[int, Parameter(help="Of a data set: sequences of a rank and step.")] = 8,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Tell how uneven a trace is: bursts by time scale, length skew, concentration, shared prefixes.

    Of a tokenised data set it tells how much of a training is padding, how long ranks wait for the fullest one, and
    what each way to deal sequences saves; of jobs, who asks for most of a cluster.

    Parameters
    ----------
    trace
        A trace file in any known format, plain or gzipped; a table of jobs of a shared cluster (recorded, Google's task
        events, Alibaba's batch tasks); a folder with the tables of a function platform; or a tokenised data set:
        parquet, JSON lines or CSV with token ids or lengths, or a folder of them.

    """
    from evenly.traces import sequences
    from evenly.traces.jobs import tables as jobs

    if jobs.holds(trace):
        from evenly.traces.jobs.describe import describe as describe_jobs

        _described(describe_jobs(jobs.read(trace)), trace, out, as_json)
        return
    if sequences.holds(trace):
        _data_set(trace, positive("ranks", ranks), positive("batch", batch), out, as_json)
        return
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
    from evenly.traces.functions.describe import describe

    _described(describe(folder), folder, out, as_json)


def _described(description: Mapping[str, Any], path: Path, out: Path | None, as_json: bool) -> None:
    """Show a description that is tables alone."""
    from evenly.report import measured

    if as_json:
        print(json.dumps(measured.plain(description), indent=1))
        return
    screen().print(measured.render(description))
    page = (out or Path("runs") / f"{stem(path.resolve().name)}-measured") / "report.html"
    measured.write_tables(description, page, title=path.resolve().name)
    say(f"Report: {page}")


def _data_set(path: Path, ranks: int, batch: int, out: Path | None, as_json: bool) -> None:
    """Describe the sequences of a data set."""
    from evenly.report import measured
    from evenly.traces.sequences import read
    from evenly.train.batches.describe import describe, sentence

    description = describe(read(path), ranks, batch)
    if as_json:
        print(json.dumps(measured.plain(description), indent=1))
        return
    said = sentence(description, ranks, batch)
    console = screen()
    console.print(f"{said}\n", highlight=False, markup=False)
    console.print(measured.render(description))
    page = (out or Path("runs") / f"{stem(path.resolve().name)}-measured") / "report.html"
    measured.write_tables(description, page, title=path.resolve().name, about=said)
    say(f"Report: {page}")
