"""A step log of the simulator itself, as a real engine would have written it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Array, Document, Floats, Ints, Trace
from evenly.hardware.calibration.steps import Steps
from evenly.serve.results import columns
from evenly.serve.scenario import ServeScenario
from evenly.sweep import validate
from tests.hardware.measured_passes import TRUTH, log_file, log_lines, true_seconds


@dataclass(slots=True, eq=False)
class Watched:
    """A cost that keeps what it was asked."""

    cost: Any
    passes: list[tuple[Ints, Ints, int, float, int]] = field(default_factory=list)

    def tables(self, *of: Any) -> Floats:
        return np.asarray(self.cost.tables(*of))

    def facts(self) -> dict[str, str | int | float]:
        return {}

    def watch(self, world: Any) -> None:
        self.passes.clear()

    def seconds(
        self, chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        self.passes.append((chunk.copy(), before.copy(), decodes, resident, longest))
        return self.cost.seconds(chunk, before, decodes, resident, longest, tables)[0], 0.0, 1.0


def run(scenario: ServeScenario, trace: Trace) -> tuple[Steps, dict[str, Array]]:
    """Simulate a trace; return its passes as they would be measured, and its requests."""
    watched: Any = Watched(scenario.cost)
    found = replace(scenario, cost=watched).simulate(trace=trace, record_passes=100_000)
    asked = watched.passes[1:]  # the first prices a full pass
    begin, done = found.log[:, 1], found.log[:, 2]
    assert len(asked) == len(begin)
    pieces = np.array([len(chunk) for chunk, *_ in asked])
    decodes, context, longest = (np.array([entry[k] for entry in asked]).astype(np.int64) for k in (2, 3, 4))
    bare = Steps(
        begin=begin,
        done=done,
        seconds=done - begin,
        computing=done - begin,
        offsets=np.concatenate(([0], np.cumsum(pieces))),
        chunk=np.concatenate([chunk for chunk, *_ in asked]),
        before=np.concatenate([before for _, before, *_ in asked]),
        decodes=decodes,
        context=context,
        longest=longest,
        running=np.append(begin[1:] == done[:-1], False).astype(np.int64),
    )
    _, host = true_seconds(TRUTH, bare)
    return replace(bare, computing=bare.seconds - host), columns(found.requests)


def scenario(trace: Path, engine: Path) -> ServeScenario:
    """Return the scenario of a trace on an engine."""
    raw = {"kind": "serve", "trace": {"use": "file", "path": str(trace)}}
    return validate.prepared(Document(raw, str(trace)), engine)


def written(path: Path, steps: Steps) -> Path:
    """Write the step log."""
    return log_file(path, log_lines(steps))
