"""From a timeline and its failures to figures, load and what ran when."""

from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Array, Floats, Load, Metric, Outcome
from evenly.core.catalog import plugin_name
from evenly.train.checkpoint.failures import Survived
from evenly.train.checkpoint.timeline import Machine, Timeline

if TYPE_CHECKING:
    from evenly.train.checkpoint.scenario import CheckpointScenario

METRICS = (
    Metric("goodput", "Goodput", "share", "higher", "Time of all steps without checkpoints and failures, over total."),
    Metric("total", "Total time", "s", "lower", "Until all steps have ended and all checkpoints are on storage."),
    Metric("stall_p50", "Stall p50", "s", "lower", "Seconds that a checkpoint holds training up, median."),
    Metric("stall_p99", "Stall p99", "s", "lower", "The hundredth of the checkpoints with the longest stall has more."),
    Metric("stalled", "Stalled", "share", "lower", "Time in which training waits for checkpoints, without failures."),
    Metric("durable_p99", "On storage after p99", "s", "lower", "From asking for a checkpoint to its last byte there."),
    Metric("lost", "Lost work", "s", "lower", "Seconds of training that were done again after failures."),
    Metric("failures", "Failures", "", "neither", "How often the run failed."),
    Metric("interval", "Interval", "steps", "neither", "Steps between two checkpoints."),
    Metric("checkpoints", "Checkpoints", "", "neither", "Asked for in a run without failures."),
    Metric("copier_busy", "Copier in use", "share", "neither", "Time in which the state moves to the host."),
    Metric("writer_busy", "Writer in use", "share", "neither", "Time in which the state moves to storage."),
    Metric("host_memory", "Buffer on the host", "GB", "lower", "Bytes of the buffer."),
    Metric("throughput", "Throughput", "steps/s", "higher", "Steps of the run over its total time."),
)
GB = 1e9
DRAWN = 4  # checkpoints of which is shown what ran when
LANES = ("device", "copier", "writer")


def outcome(scenario: "CheckpointScenario", made: Timeline, survived: Survived) -> Outcome:
    """Return figures, work of device, copier and writer in each step without failures, and spans of the first ones."""
    machine, steps = scenario.machine, scenario.steps
    asked = steps // made.interval
    stalls = made.stall[1 : asked + 1]
    alone = made.end(steps, machine.step)
    work, span = load(machine, made, steps)
    busy = work[:, 1:].sum(axis=0) / span.sum()
    metrics = {
        "goodput": steps * machine.step / survived.seconds,
        "total": survived.seconds,
        "stall_p50": _quantile(stalls, 0.5),
        "stall_p99": _quantile(stalls, 0.99),
        "stalled": float(stalls.sum()) / alone,
        "durable_p99": _quantile((made.durable - made.begin)[1 : asked + 1], 0.99),
        "lost": survived.lost,
        "failures": float(survived.failures),
        "interval": float(made.interval),
        "checkpoints": float(asked),
        "copier_busy": float(busy[0]),
        "writer_busy": float(busy[1]),
        "host_memory": machine.buffer * machine.state / GB,
        "throughput": steps / survived.seconds,
    }
    return Outcome(
        scenario.name,
        metrics,
        Load(work, span, worker="resource"),
        spans(machine, made),
        facts=facts(scenario, made.interval),
    )


def load(machine: Machine, made: Timeline, steps: int) -> tuple[Floats, Floats]:
    """Return seconds of work by step and lane, and the seconds of each step, of the steps whose pieces are known."""
    edges = step_ends(machine, made, min(steps, (len(made.copied) + 1) * made.interval))
    each = machine.state / made.copied.shape[1]
    moved = [
        np.diff(_done(ends.ravel(), each / rate, edges))
        for ends, rate in ((made.copied, machine.copy), (made.written, machine.storage))
    ]
    span = np.diff(edges)
    return np.column_stack([np.full(len(span), machine.step), *moved]), np.asarray(span)


def step_ends(machine: Machine, made: Timeline, steps: int) -> Floats:
    """Return 0 and when each of the first steps ends."""
    number = np.arange(1, steps + 1)
    before = (number - 1) // made.interval  # the checkpoint that was last asked for when the step began
    since = number - before * made.interval
    ends = made.begin[before] + made.stall[before] + since * machine.step
    return np.concatenate([[0.0], ends])


def _done(ends: Floats, each: float, at: Floats) -> Floats:
    """Return the seconds of work that are done at some moments, of pieces that take `each` and end in order."""
    whole = np.searchsorted(ends, at, side="right")
    begun = np.append(ends, np.inf)[whole] - each
    return np.asarray(whole * each + np.maximum(0.0, at - begun))


def spans(machine: Machine, made: Timeline) -> dict[str, Array]:
    """Return what each lane did around the first checkpoints: lane, what, begin and end in seconds."""
    shown = min(DRAWN, len(made.copied))
    edges = step_ends(machine, made, (shown + 1) * made.interval)
    first = max(0, made.interval - 1)
    rows: list[tuple[str, str, float, float]] = []
    for step in range(first, len(edges) - 1):
        asked = step // made.interval if step % made.interval == 0 and step else 0
        begin, end = edges[step], edges[step + 1]
        forward = begin + made.block[asked]
        backward = forward + machine.forward_backward
        rows += [
            ("device", "wait", begin, forward),
            ("device", "forward and backward", forward, backward),
            ("device", "wait", backward, end - machine.update),
            ("device", "update", end - machine.update, end),
        ]
    each = machine.state / made.copied.shape[1]
    for lane, what, ends, rate in (
        ("copier", "copy", made.copied, machine.copy),
        ("writer", "write", made.written, machine.storage),
    ):
        for row in ends[:shown]:
            rows += [(lane, what, *run) for run in _runs(row, each / rate)]
    rows = [row for row in rows if row[3] - row[2] > 1e-9]
    lanes, whats, begins, ends_ = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {"lane": np.array(lanes, object), "what": np.array(whats, object)}
    return {**columns, "begin": np.array(begins, np.float64), "end": np.array(ends_, np.float64)}


def _runs(ends: Floats, each: float) -> list[tuple[float, float]]:
    """Return begin and end of pieces that follow each other without a gap, as one."""
    begins = ends - each
    cut = np.flatnonzero(begins[1:] - ends[:-1] > 1e-6 * each) + 1
    firsts, lasts = np.concatenate([[0], cut]), np.concatenate([cut, [len(ends)]]) - 1
    return [(float(begins[a]), float(ends[b])) for a, b in zip(firsts, lasts, strict=True)]


def facts(scenario: "CheckpointScenario", interval: int) -> dict[str, str | int | float]:
    """Return the constants of a run."""
    derived = " (by Young and Daly)" if scenario.interval is None else ""
    return {
        "state, GB": scenario.state / GB,
        "step": f"{scenario.forward_backward:g} s forward and backward, {scenario.update:g} s update",
        "copy to the host, GB/s": scenario.copy / GB,
        "serialise, GB/s": scenario.serialise / GB,
        "storage, GB/s": scenario.storage / GB,
        "buffer, states": scenario.buffer,
        "saver": plugin_name(scenario.saver),
        "steps": scenario.steps,
        "interval, steps": f"{interval}{derived}",
        "mean time between failures, s": scenario.mtbf,
        "restart, s": scenario.restart,
        "seed": scenario.seed,
    }


def _quantile(values: Floats, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")
