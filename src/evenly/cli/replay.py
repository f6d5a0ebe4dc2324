"""Replay a trace against a real server."""

import contextlib
import itertools
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evenly.cli.command import Json, Out, Sets, app, examples, positive, say, screen, stem, workload

if TYPE_CHECKING:
    from evenly.core import Document
    from evenly.hosts.replay import Replayed
    from evenly.serve.scenario import ServeScenario
    from evenly.sweep.plan import Cell

KEY = "OPENAI_API_KEY"  # environment variable that other clients of the protocol read too
BENCH = "bench.json"


@app.command(
    help_epilogue=examples(
        "evenly replay trace.csv --url http://127.0.0.1:8000/v1 --requests 200",
        "evenly replay chat --url http://127.0.0.1:8000/v1 --set trace.rate=2 --duration 60",
        "evenly replay chat --url http://127.0.0.1:8000/v1 --clients 16 --json",
    )
)
def replay(
    trace: str,
    /,
    *,
    url: str,
    model: str = "",
    speed: float = 1.0,
    clients: int | None = None,
    requests: int | None = None,
    duration: float | None = None,
    hints: bool = True,
    vocabulary: int = 9000,
    label: str = "replay",
    sets: Sets = [],  # noqa: B006
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Send a trace to a real server and tell what its users would have seen; the report is that of simulated runs.

    A key for the server is taken from the environment variable OPENAI_API_KEY. The exit code is 1 if the server was
    lost on the way; what was measured until then is kept.

    Parameters
    ----------
    trace
        A trace file in any known format, or a scenario, file or embedded one, whose trace is drawn.
    url
        Address of a server that speaks OpenAI's protocol, up to and with `/v1`.
    model
        Name of a served model; by default the one that the server chooses.
    speed
        2 replays twice as fast: arrivals and pauses are halved.
    clients
        So many requests are in flight, in the order of the trace, whatever their times.
    requests
        At most so many requests, the first of the trace.
    duration
        Seconds after which nothing more is sent.
    hints
        Tell the server user, program, turn, tool, deadline and priority of each request, where the trace knows them.
    vocabulary
        Token ids of the served model; prompts use those from 1000 to 8999 that exist.
    label
        Name of the run in tables and charts; runs in one folder stand side by side.

    """
    import numpy as np

    from evenly.hosts import replay as client
    from evenly.hosts.replay_client import BY_HAND
    from evenly.report.progress import progress
    from evenly.serve.scenario import ServeScenario, servable
    from evenly.sweep.scenarios import scenario_of

    (document,) = workload(trace, sets).replace("compare", None).variants().values()
    scenario = scenario_of(document)
    if not isinstance(scenario, ServeScenario):
        raise ValueError(f"{document.source}: a scenario of kind '{scenario.kind}' has no requests to send")
    drawn = servable(scenario.trace.draw(scenario.seed))
    if requests is not None:
        drawn = drawn.take(np.arange(min(positive("requests", requests), len(drawn))))
    place = out or Path("runs") / f"{stem(trace)}-replay"
    with _prepared(place), progress("requests", quiet=as_json) as tell:
        found = client.replay(
            drawn,
            url,
            model,
            speed,
            key=os.environ.get(KEY, ""),
            clients=None if clients is None else positive("clients", clients),
            duration=math.inf if duration is None else duration,
            hints=hints,
            vocabulary=vocabulary,
            progress=tell,
        )
        _check(found, url)
    loop = f"open, speed {speed:g}" if clients is None else "closed"
    facts: dict[str, str | int | float] = {"server": url, "loop": loop, "hints": "told" if hints else "not told"}
    facts |= {"clients": clients} if clients is not None else {}
    facts |= {"vocabulary": vocabulary}
    _finish(found, document, scenario, label, facts, place, as_json)
    if found.incomplete:
        sys.exit(130 if found.incomplete == BY_HAND else 1)


@contextlib.contextmanager
def _prepared(place: Path) -> Iterator[None]:
    """Make the folder of the results before anything is sent; it goes again if nothing can be replayed."""
    from evenly.sweep import folder, record

    if (place / record.NAME).exists():
        record.read(place)  # a damaged list of runs is told before anything is measured
    fresh = [path for path in (place, *place.parents) if not path.exists()]
    folder.prepare(place)
    try:
        yield
    except (ValueError, KeyboardInterrupt):
        for path in fresh:
            path.rmdir()
        raise


def _check(found: "Replayed", url: str) -> None:
    """Raise what ends a replay in which nothing was answered: there is nothing to keep."""
    from evenly.hosts.replay_client import BY_HAND

    if any(seconds == seconds for seconds in found.finish):
        return
    if found.incomplete == BY_HAND:
        raise KeyboardInterrupt
    first = next((error for error in found.error if error), "nothing was due")
    raise ValueError(f"{url}: no request was answered; the first failed with: {first}")


def _finish(
    found: "Replayed",
    document: "Document",
    scenario: "ServeScenario",
    label: str,
    facts: "dict[str, str | int | float]",
    place: Path,
    as_json: bool,
) -> None:
    """Keep a replay as a run of the folder `place`, draw the report of all its runs, and print what was seen."""
    from evenly.core.document import told, unstructure
    from evenly.hosts.replay_outcome import outcome
    from evenly.report import page, replayed
    from evenly.report.exports.vllm_bench import VllmBench
    from evenly.sweep import folder, record
    from evenly.sweep.summary import merge, plain, rows

    cell = _cell(document, label, place)
    facts |= {"trace": told(unstructure(scenario.trace)), "seed": scenario.seed}
    measured = outcome(found, cell.label, scenario.slo, facts)
    folder.write(measured, cell.document, place / cell.folder)
    folder.write_text(place / cell.folder / BENCH, VllmBench().parts(measured))
    record.add(cell, str(document.raw.get("name") or stem(document.source)), place)
    title, cells, folders, _ = record.read(place)
    merged = merge(cells, record.outcomes(folders))
    page.write(merged, place / "report.html", title=title, metrics=scenario.metrics)
    if as_json:
        print(json.dumps([row | {"figures": plain(found.figures())} for row in rows([cell], [measured])], indent=1))
    else:
        screen().print(replayed.table(found))
        say(replayed.sentence(found))
        say(f"Run: {place / cell.folder}")
        say(f"Report: {place / 'report.html'}")
    for note in replayed.notes(found):
        print(note, file=sys.stderr)


def _cell(document: "Document", label: str, place: Path) -> "Cell":
    """Return the run of a replay in the folder `place`, under a label that no other run there has."""
    from dataclasses import replace

    from evenly.core import Document
    from evenly.sweep import folder, record
    from evenly.sweep.plan import cells

    (cell,) = cells(document)
    taken = {other.label for other in record.read(place)[1]} if (place / record.NAME).exists() else set()
    names = itertools.chain([label], (f"{label}-{k}" for k in itertools.count(2)))
    for name in names:
        raw = {**cell.document.raw, "name": name}
        made = replace(cell, label=name, document=Document(raw, cell.document.source))
        if name not in taken and not folder.exists(place / made.folder):
            return made
    raise AssertionError("names never end")
