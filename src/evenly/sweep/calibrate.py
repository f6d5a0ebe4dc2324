"""From the measurements of an engine to its calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evenly.hardware.calibration.calibrate import calibration
from evenly.hardware.calibration.engine import Calibration, Source
from evenly.hardware.calibration.fit import Fit, fit
from evenly.hardware.calibration.steps import Steps, join
from evenly.hosts import bench, steps
from evenly.hosts.delivery import delivery
from evenly.hosts.steps import LIMITS, StepLog
from evenly.sweep import measured

LEAST_SPELLS = 5  # of a client that tell the delay of delivery
SAME = ("engine", "model", *LIMITS)  # what the logs of one engine have in common


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A calibration and what it was made from."""

    calibration: Calibration
    fit: Fit
    steps: Steps
    notes: tuple[str, ...]
    "What was left out or assumed, in sentences."


def calibrate(paths: Sequence[Path], replay: Path | None = None) -> Calibrated:
    """Fit the cost model of one engine to its step logs, or to one result of `vllm bench serve`.

    With the run folder of the replay that one of the logs was written under, the delay outside all passes is measured
    too; else it is 0 and told. Raises `ValueError` for files that are none, and for logs of different engines.
    """
    if not paths:
        raise ValueError("name at least one step log, or a result of `vllm bench serve --save-detailed`")
    logs = [read(path) for path in paths]
    for other in logs[1:]:
        for name in SAME:
            if other.header.get(name) != logs[0].header.get(name):
                raise ValueError(
                    f"{other.path}: {name} is {other.header.get(name)!r}, in {logs[0].path} it is "
                    f"{logs[0].header.get(name)!r}; calibrate one engine at a time"
                )
    notes = [note for log in logs for note in log.notes]
    seconds = 0.0
    if replay is None:
        notes.append("delivery is taken as 0: name the run folder of the replay with --replay to measure it")
    else:
        items = measured.read(replay)[0].items
        seconds, spells = max((delivery(log.steps, items, str(replay)) for log in logs), key=lambda found: found[1])
        if spells < LEAST_SPELLS:
            seconds = 0.0
            notes.append(f"delivery is taken as 0: {replay} has {spells} busy spells in the log; replay a lighter load")
        else:
            notes.append(f"delivery is {seconds * 1e3:.3g} ms: the median over {spells} busy spells of {replay}")
    passes = join([log.steps for log in logs])
    found = fit(passes)
    sources = [
        Source(str(log.path), log.digest, str(log.header.get("started", "")), len(log.steps), 0.0) for log in logs
    ]
    made = calibration(passes, found, logs[0].header, sources, seconds)
    return Calibrated(made, found, passes, tuple(notes))


def read(path: Path) -> StepLog:
    """Read a step log, or the passes that a bench result tells of; raise `ValueError` if the file is neither."""
    if path.suffix == ".json" and not steps.recognises(path):
        return bench.read(path)
    return steps.read(path)
