"""Hold the simulator against a real engine: the same requests through both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Document, Outcome, Trace
from evenly.core.load import Load
from evenly.hardware.calibration.engine import read as engine
from evenly.hosts import steps as log
from evenly.hosts.recorded import Recorded
from evenly.measure.agreement import Agreement, agreements
from evenly.serve.calibrated import settings
from evenly.serve.scenario import ServeScenario, servable
from evenly.sweep.measured import Run
from evenly.sweep.scenarios import scenario_of

if TYPE_CHECKING:
    from evenly.hardware.calibration.steps import Steps

NEAR = 0.05  # relative difference of arrivals within which two runs have one load


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One load, simulated and measured."""

    speed: float
    rate: float
    "Requests a second."
    simulated: Outcome
    measured: tuple[Outcome, ...]
    agreements: tuple[Agreement, ...]
    scheduled: Mapping[str, float] = field(default_factory=dict)
    "Errors with the measured length of every pass, mean over the runs: what is left is the error of the schedule."
    met: float = float("nan")
    "Share of the simulated passes whose length was in the log."
    notes: tuple[str, ...] = field(default=())


def prepared(document: Document, path: Path) -> ServeScenario:
    """Return the scenario of a document on the calibrated engine in the file `path`.

    Entries that the document sets itself stay, but for the cost. Raises `ValueError` for a scenario of several variants
    or replicas, or of another kind than serving.
    """
    known = settings(path)
    made = document.replace("cost", known.pop("cost"))
    for name, value in known.items():
        if name not in made.raw:
            made = made.replace(name, value)
    variants = made.variants()
    if len(variants) > 1:
        raise ValueError(
            f"{document.source}: {len(variants)} variants; name the one that was served with --variant, "
            f"one of {', '.join(map(repr, variants))}"
        )
    scenario = scenario_of(next(iter(variants.values())))
    if not isinstance(scenario, ServeScenario):
        raise ValueError(f"{document.source}: kind is '{scenario.kind}'; an engine is validated on serving")
    if scenario.replicas != 1:
        raise ValueError(
            f"{document.source}: {scenario.replicas} replicas; a calibrated engine is one: --set replicas=1"
        )
    return scenario


def validate(
    scenario: ServeScenario, path: Path, runs: Sequence[Run], speeds: Sequence[float] = (), logs: Sequence[Path] = ()
) -> list[Level]:
    """Simulate the trace of a scenario at the load of every run, and compare; repeats of one load belong together.

    `speeds` are the loads as factors on the trace's arrivals; by default they are read off the runs. `logs` are the
    step logs of the runs, in the same order: they replay the measured length of every pass. Raises `ValueError` for
    runs of another trace, for a run whose load is none of `speeds`, and for a wrong number of logs.
    """
    if not runs:
        raise ValueError("name at least one measured run")
    if logs and len(logs) != len(runs):
        raise ValueError(
            f"--steps names {len(logs)} logs for {len(runs)} runs; name the log of every run, in their order"
        )
    trace = servable(scenario.trace.draw(scenario.seed))
    groups: dict[float, list[int]] = {}
    for place, run in enumerate(runs):
        _check(run, trace)
        known = [*speeds] or [*groups]
        groups.setdefault(_nearest(run, _speed(run, trace), known, speeds), []).append(place)
    steps = [log.read(path).steps for path in logs]
    return [
        _level(scenario, path, trace, speed, [runs[k] for k in places], [steps[k] for k in places if steps])
        for speed, places in sorted(groups.items())
    ]


def _level(
    scenario: ServeScenario, path: Path, trace: Trace, speed: float, runs: Sequence[Run], logs: "Sequence[Steps]"
) -> Level:
    delay = engine(str(path)).cost.delivery
    count = len(runs[0].items["arrival"])
    paced = _paced(trace, count, speed, delay)
    simulated = _simulated(scenario, paced, delay)
    scheduled, met = _scheduled(scenario, paced, delay, runs, logs) if logs else ({}, float("nan"))
    notes = [run.note for run in runs if run.note]
    lost = {run.name: int(np.isnan(run.items["finish"]).sum()) for run in runs}
    return Level(
        speed=speed,
        rate=(count - 1) / paced.span if paced.span > 0 else float("nan"),
        simulated=simulated,
        measured=tuple(_outcome(run, k) for k, run in enumerate(runs, 1)),
        agreements=tuple(agreements(simulated.items, [run.items for run in runs])),
        scheduled=scheduled,
        met=met,
        notes=(*notes, *(f"{name}: {failed} requests failed" for name, failed in lost.items() if failed)),
    )


def _scheduled(
    scenario: ServeScenario, trace: Trace, delay: float, runs: Sequence[Run], logs: "Sequence[Steps]"
) -> tuple[dict[str, float], float]:
    """Return the mean errors of the runs simulated with their own passes, and the share of passes that were found."""
    errors: dict[str, list[float]] = {}
    shares = []
    for run, steps in zip(runs, logs, strict=True):
        recorded: Any = Recorded(steps, scenario.cost)  # its verb is no static method: it remembers its place
        again = _simulated(replace(scenario, cost=recorded), trace, delay)
        for one in agreements(again.items, [run.items]):
            errors.setdefault(one.name, []).append(one.error)
        shares.append(recorded.met / max(recorded.asked, 1))
    return {name: float(np.mean(found)) for name, found in errors.items()}, float(np.mean(shares))


def _simulated(scenario: ServeScenario, trace: Trace, delay: float) -> Outcome:
    """Return what clients would see: each answer `delay` seconds after the engine gave it."""
    from evenly.serve.results import outcome

    fleet = scenario.fleet()
    made = outcome(scenario, fleet, scenario.simulate(fleet=fleet, trace=trace))
    late = {name: made.items[name] + delay for name in ("first_token", "finish")}
    return replace(made, label="simulated", items={**made.items, **late})


def _paced(trace: Trace, count: int, speed: float, delay: float) -> Trace:
    """Return the first requests of a trace, `speed` times as fast; a turn waits for the former one's delivery too."""
    some = trace.take(np.arange(count)) if count < len(trace) else trace
    pause = some.pause
    if pause is not None and some.after is not None:
        pause = np.where(some.after >= 0, pause / speed + delay, pause)
    return replace(some, arrival=some.arrival / speed, pause=pause)


def _check(run: Run, trace: Trace) -> None:
    """Raise `ValueError` unless the run's requests are the first of the trace."""
    prompt = run.items["prompt"]
    if len(prompt) > len(trace):
        raise ValueError(
            f"{run.name}: {len(prompt)} requests, the trace has {len(trace)}; name the trace that was replayed"
        )
    if len(prompt) == 0:
        raise ValueError(f"{run.name}: no requests; replay again")
    wrong = np.flatnonzero(prompt != trace.prompt[: len(prompt)])
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(
            f"{run.name}: request {i} has a prompt of {int(prompt[i])} tokens, in the trace {int(trace.prompt[i])}; "
            "name the trace that was replayed"
        )


def _speed(run: Run, trace: Trace) -> float:
    """Return how many times as fast as its trace a run was sent, by its own word or by those that wait for none."""
    if run.speed is not None:
        return run.speed
    count = len(run.items["arrival"])
    free = np.flatnonzero(trace.after[:count] < 0) if trace.after is not None else np.arange(count)
    if len(free) < 2:
        return 1.0
    planned = trace.arrival[free] - trace.arrival[free[0]]
    sent = run.items["arrival"][free] - run.items["arrival"][free[0]]
    return float(planned[-1] / sent[-1]) if sent[-1] > 0 and planned[-1] > 0 else 1.0


def _nearest(run: Run, speed: float, known: Sequence[float], asked: Sequence[float]) -> float:
    """Return the known load that a run had, or its own if none is asked for."""
    near = min(known, key=lambda other: abs(other - speed), default=speed)
    if abs(near - speed) <= NEAR * speed:
        return near
    if asked:
        shown = ", ".join(f"{value:g}" for value in asked)
        raise ValueError(
            f"{run.name}: was sent {speed:.3g} times as fast as the trace, not {shown}; name the run of that load"
        )
    return float(f"{speed:.3g}")


def _outcome(run: Run, number: int) -> Outcome:
    """Return a measured run in the form that charts draw."""
    empty = Load(np.zeros((0, 1)), None, "s", "replica")
    return Outcome(f"measured {number}", {}, empty, dict(run.items), dict(run.series), {"run": run.name})


def rows(levels: Sequence[Level]) -> list[dict[str, Any]]:
    """Return every figure of every load as JSON can hold it; unknown ones are `None`."""
    found = []
    for level in levels:
        for one in level.agreements:
            row = {
                "speed": level.speed,
                "rate": level.rate,
                "figure": one.name,
                "simulated": one.simulated,
                "measured": one.measured,
                "error": one.error,
                "spread": one.spread,
                "band": one.band,
                "inside": one.inside,
                "schedule_error": level.scheduled.get(one.name, float("nan")),
            }
            found.append({name: None if value != value else value for name, value in row.items()})
    return found
