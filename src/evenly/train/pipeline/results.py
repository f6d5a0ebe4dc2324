"""From a timeline to an outcome."""

from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Array, Load, Metric, Outcome
from evenly.core.catalog import plugin_name
from evenly.core.document import told, unstructure
from evenly.hardware.device import device
from evenly.train.pipeline.memory import peak
from evenly.train.pipeline.passes import BACKWARD, FORWARD, INPUT, NAMES, peaks
from evenly.train.pipeline.timeline import Timeline
from evenly.train.pipeline.timings.given import Given
from evenly.train.pipeline.work import Work

if TYPE_CHECKING:
    from evenly.train.pipeline.scenario import PipelineScenario

GB = 1e9
BINS = 100  # of a step
METRICS = (
    Metric("throughput", "Throughput", "tokens/s", "higher", "Tokens of a step over its time."),
    Metric("step", "Time of a step", "s", "lower", "From the first pass to the end of the last one on any device."),
    Metric("bubble", "Bubble", "share", "lower", "Time of all devices in which they wait."),
    Metric(
        "mfu", "MFU", "share", "higher", "Operations of the model over those that the devices could do in the time."
    ),
    Metric("uneven", "Longest over mean work", "x", "lower", "Work of the device with most over the mean."),
    Metric("live", "Live micro-batches", "", "lower", "Most micro-batches whose activations a device holds at once."),
    Metric("memory", "Peak memory", "GB", "lower", "Most bytes of weights, optimiser and activations on a device."),
    Metric("spread", "Memory, most less least", "GB", "lower", "Peak of the fullest device less that of the emptiest."),
)


def outcome(scenario: "PipelineScenario", work: Work, timeline: Timeline) -> Outcome:
    """Return figures, the load by device, each pass, and when each micro-batch began and ended."""
    order, step, busy = timeline.order, timeline.makespan, timeline.busy
    held = peak(order, work)
    tokens = scenario.micro_batches * work.shape.tokens
    could = work.devices * step * device(work.device).flops
    known = not isinstance(scenario.timing, Given)  # stated times say nothing of operations
    metrics = {
        "throughput": tokens / step,
        "step": step,
        "bubble": timeline.bubble,
        "mfu": scenario.micro_batches * work.shape.operations / could if known else float("nan"),
        "uneven": float(busy.max() / busy.mean()),
        "live": float(peaks(order).max()) / order.chunks,
        "memory": float(held.max()) / GB,
        "spread": float(held.max() - held.min()) / GB,
    }
    told = facts(scenario, work) | {"peak memory by device, GB": " ".join(f"{size:.1f}" for size in held / GB)}
    return Outcome(scenario.name, metrics, load(timeline), items(timeline), {"pipeline": passes(timeline)}, told)


def load(timeline: Timeline, bins: int = BINS) -> Load:
    """Return the seconds that each device computes in equal spans of a step."""
    edges = np.linspace(0.0, timeline.makespan, bins + 1)
    work = np.zeros((bins, timeline.order.devices))
    for place in range(timeline.order.devices):
        mine = timeline.order.device == place
        begin, end = timeline.begin[mine], timeline.end[mine]
        done = np.concatenate([[0.0], np.cumsum(end - begin)])
        which = np.searchsorted(begin, edges, "right")  # passes that have begun
        over = np.where(which > 0, np.maximum(end[which - 1] - edges, 0.0), 0.0)
        work[:, place] = np.maximum(np.diff(done[which] - over), 0.0)
    return Load(work, np.diff(edges), worker="device")


def passes(timeline: Timeline) -> dict[str, Array]:
    """Return the columns of all passes in order of their begin; times in seconds."""
    order = timeline.order
    sort = np.lexsort((order.device, timeline.begin))
    return {
        "time": timeline.begin[sort],
        "end": timeline.end[sort],
        "device": order.device[sort],
        "pass": np.array(NAMES, object)[order.kind[sort]],
        "stage": order.stage[sort],
        "micro_batch": order.batch[sort],
    }


def items(timeline: Timeline) -> dict[str, Array]:
    """Return one row a micro-batch: when its first forward pass begins and its last gradient is there, in seconds."""
    order = timeline.order
    begin, end = np.full(order.micro, np.inf), np.zeros(order.micro)
    forward, back = order.kind == FORWARD, np.isin(order.kind, (BACKWARD, INPUT))
    np.minimum.at(begin, order.batch[forward], timeline.begin[forward])
    np.maximum.at(end, order.batch[back], timeline.end[back])
    return {"micro_batch": np.arange(order.micro), "begin": begin, "end": end}


def facts(scenario: "PipelineScenario", work: Work) -> dict[str, str | int | float]:
    """Return what the run rests on."""
    shape = work.shape
    return {
        "model": f"{shape.layers} layers of width {shape.hidden:,}, vocabulary of {shape.vocabulary:,}",
        "device": f"{work.devices} x {work.device}",
        "micro-batches": f"{scenario.micro_batches} of {shape.batch} x {shape.sequence:,} tokens",
        "schedule": plugin_name(scenario.schedule),
        "vocabulary lies": scenario.placement,
        "layers by stage": " ".join(map(str, work.layers.tolist())),
        "rows of the vocabulary by device": " ".join(f"{share * shape.vocabulary:.0f}" for share in work.shares)
        if work.sharded
        else "on the ends",
        "output layer, in layers": shape.head,
        "timing": told(unstructure(scenario.timing)),
        "seed": scenario.seed,
    }
