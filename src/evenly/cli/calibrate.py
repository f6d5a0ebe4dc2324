"""Fit a cost model to a real engine, and hold the simulator against it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from evenly.cli.command import Json, Out, Sets, app, examples, positive, say, screen, stem, workload

if TYPE_CHECKING:
    from evenly.serve.scenario import ServeScenario
    from evenly.sweep.measured import Run
    from evenly.sweep.validate import Level


Engine = Annotated[
    Path | None,
    Parameter(name=["--out", "-o"], help="The file to write, of an engine `engine.yaml`; its page stands beside it."),
]
Replay = Annotated[Path | None, Parameter(help="Run folder of `evenly replay`: the client's side of a log.")]
Cost = Annotated[Path, Parameter(help="File of `evenly calibrate`.")]
Many = Parameter(negative="", consume_multiple=True)
Measured = Annotated[list[Path], Many, Parameter(help="Run folders of `evenly replay`, or `bench.json`.")]
Variant = Annotated[str, Parameter(help="The variant that was served, of a scenario that has several.")]
Logs = Annotated[list[Path], Many, Parameter(help="Step logs, one a run: tell errors of schedule and cost apart.")]
Url = Annotated[str, Parameter(help="Replay against this server first, then compare.")]
Served = Annotated[str, Parameter(help="Name of the served model, with `--url`.")]
Repeats = Annotated[int, Parameter(help="Replays at each load, with `--url`.")]
Vocabulary = Annotated[int, Parameter(help="Token ids of the served model, with `--url`.")]
Speeds = Annotated[str, Parameter(help="Loads as factors on the arrivals: `0.5,1,2`.")]
Strict = Annotated[bool, Parameter(negative="", help="Exit code 1 unless every figure lies inside its band.")]


@app.command(
    help_epilogue=examples(
        "evenly calibrate steps.jsonl",
        "evenly calibrate light.jsonl full.jsonl --out engine.yaml --replay runs/mix",
        "evenly calibrate micro-batches.jsonl",
    )
)
def calibrate(
    logs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    out: Engine = None,
    replay: Replay = None,
    as_json: Json = False,
) -> None:
    """Fit the cost model of an engine to its measured passes, or of a training to its measured micro-batches.

    Of an engine: figures with confidence, residuals, a page; a scenario then says `cost: {use: calibrated, path:
    engine.yaml}`. Of a training: the `cost` and `overhead` of a scenario of kind `batches`, with their error.

    Parameters
    ----------
    logs
        Step logs of one engine (`steps.jsonl`), one result of `vllm bench serve --save-detailed`, or logs of one
        training with `lengths` and `seconds` on each line.

    """
    from evenly.train.batches.log import recognises

    if any(recognises(path) for path in logs):
        _trained(logs, out, replay, as_json)
    else:
        _served(logs, out or Path("engine.yaml"), replay, as_json)


def _trained(logs: list[Path], out: Path | None, replay: Path | None, as_json: bool) -> None:
    """Print the entries of a scenario that stand for a training, and how far they are off; write them if asked."""
    from evenly.core.strict import dump
    from evenly.sweep.folder import write_text
    from evenly.train.batches.fitting import entries, fit, unseen
    from evenly.train.batches.log import read

    if replay is not None:
        raise ValueError(f"--replay goes with the log of an engine; {logs[0]} is that of a training")
    lengths, seconds = read(logs)
    found, off = fit(lengths, seconds), unseen(lengths, seconds)
    made = entries(found)
    if out is not None:
        write_text(out, dump(made))
    if as_json:
        figures = {"error": found.error, "unseen": off if off == off else None, "micro_batches": found.count}
        print(json.dumps(made | figures, indent=1))
        return
    said = f"Fitted to {found.count} micro-batches within {found.error:.1%} in the mean"
    told = f"; each half foretells the other within {off:.1%}" if off == off else ""
    say(dump(made).rstrip())
    say(f"{said}{told}. The lines above stand in a scenario of kind batches.")


def _served(logs: list[Path], out: Path, replay: Path | None, as_json: bool) -> None:
    """Fit the cost model of an engine; write it and its page, and print its figures."""
    from evenly.core.document import unstructure
    from evenly.hardware.calibration.engine import write
    from evenly.report import calibration
    from evenly.sweep import calibrate as work
    from evenly.sweep.folder import write_text

    found = work.calibrate(logs, replay)
    for note in found.notes:
        print(note, file=sys.stderr)
    write_text(out, write(found.calibration))
    page = out.with_suffix(".html")
    calibration.write(found.calibration, found.fit, found.steps, page, found.notes)
    if as_json:
        print(json.dumps(unstructure(found.calibration), indent=1, ensure_ascii=False))
        return
    screen().print(calibration.render(found.calibration))
    say(calibration.sentence(found.calibration))
    say(f"Engine: {out}")
    say(f"Report: {page}")


@app.command(
    help_epilogue=examples(
        "evenly validate trace.jsonl --cost engine.yaml --measured runs/one runs/two",
        "evenly validate chat.yaml --cost engine.yaml --speed 0.5,1,2 --url http://127.0.0.1:8000/v1",
    )
)
def validate(
    scenario: str,
    /,
    *,
    cost: Cost,
    variant: Variant = "",
    measured: Measured = [],  # noqa: B006 cyclopts reads the default and never changes it
    url: Url = "",
    model: Served = "",
    repeats: Repeats = 1,
    vocabulary: Vocabulary = 9000,
    speed: Speeds = "",
    steps: Logs = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    strict: Strict = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Hold the simulator against a real engine: one trace through both, errors of every figure by load, a page.

    Medians and rates count as met within 10%, p90 and p99 within 20%. Several runs of one load show their spread.

    Parameters
    ----------
    scenario
        The trace that was replayed, or a scenario whose trace it was.

    """
    from evenly.sweep import validate as work
    from evenly.sweep.measured import read

    if bool(measured) == bool(url):
        raise ValueError("name measured runs with --measured, or a server with --url, one of the two")
    if steps and url:
        raise ValueError("--steps goes with --measured: a log belongs to one run")
    speeds = _speeds(speed)
    simulated = work.prepared(workload(scenario, sets, variant), cost)
    runs = [run for path in measured for run in read(path)]
    runs = runs or _replayed(simulated, url, model, speeds or [1.0], repeats, vocabulary)
    levels = work.validate(simulated, cost, runs, speeds, steps)
    _show(levels, scenario, cost, out or Path("runs") / f"{stem(scenario)}-validated", as_json)
    if strict and not all(one.inside for level in levels for one in level.agreements):
        raise SystemExit(1)


def _show(levels: "list[Level]", scenario: str, cost: Path, place: Path, as_json: bool) -> None:
    """Write the page of a validation, and print its tables or its rows."""
    from evenly.report import validation
    from evenly.sweep.validate import rows

    page = place / "report.html"
    validation.write(levels, page, title=f"Validation on {stem(scenario)}", engine=str(cost))
    if as_json:
        print(json.dumps(rows(levels), indent=1, ensure_ascii=False))
        return
    screen().print(validation.render(levels))
    say(validation.sentence(levels))
    say(f"Report: {page}")


def _speeds(text: str) -> list[float]:
    """Return the loads that a user listed; raise `ValueError` for what is no positive number."""
    found = []
    for word in text.split(",") if text else []:
        try:
            value = float(word)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise ValueError(f"--speed is a list of positive factors such as 0.5,1,2, not '{text}'")
        found.append(value)
    return found


def _replayed(
    scenario: "ServeScenario", url: str, model: str, speeds: list[float], repeats: int, vocabulary: int
) -> "list[Run]":
    """Replay the trace of a scenario at every load, loads in turn, so that a drift of the machine meets all of them."""
    import os

    from evenly.cli.replay import KEY
    from evenly.hosts.replay import replay
    from evenly.hosts.replay_outcome import outcome
    from evenly.report.progress import progress
    from evenly.sweep.measured import Run

    trace = scenario.trace.draw(scenario.seed)
    runs = []
    for repeat in range(positive("repeats", repeats)):
        for factor in speeds:
            name = f"replay {repeat + 1} at speed {factor:g}"
            with progress(name) as tell:
                key = os.environ.get(KEY, "")
                found = replay(trace, url, model, factor, key=key, hints=True, vocabulary=vocabulary, progress=tell)
            seen = outcome(found, name, scenario.slo, {})
            early = f"{name}: ended early: {found.incomplete}" if found.incomplete else ""
            runs.append(Run(name, seen.items, seen.series, factor, early))
    return runs
