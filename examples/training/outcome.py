"""From what both ranks metered to the outcome that evenly's report draws."""

from collections.abc import Sequence

import numpy as np

from evenly.core import Array, Floats, Load, Metric, Outcome
from evenly.measure.imbalance import idle_share, peak_over_mean
from evenly.train.experts.routing import violation
from evenly.train.pipeline.results import passes
from evenly.train.pipeline.timeline import Timeline, replay
from examples.training.meter import Meter
from examples.training.parts import Parts, Run
from examples.training.train import order

METRICS = (
    Metric(
        "throughput", "Throughput", "tokens/s", "higher", "Tokens of the mean step over the time of the median one."
    ),
    Metric(
        "step",
        "Time of a step",
        "s",
        "lower",
        "Passes as soon as what they wait for is there, then the longest update; median.",
    ),
    Metric("bubble", "Ranks idle", "share", "lower", "Time of both ranks in which they wait for each other."),
    Metric("uneven", "Busiest rank", "x", "lower", "Processor seconds of the busier rank over the mean."),
    Metric("cpu", "CPU of a step", "s", "lower", "Processor seconds of both processes, all threads."),
    Metric("padding", "Padding", "share", "lower", "Positions that are computed and hold no token."),
    Metric("micro_uneven", "Longest micro-batch", "x", "lower", "Positions of a step's longest one over the mean."),
    Metric("parameters", "Parameters", "", "lower", "Weights of the rank with most."),
    Metric("maxvio_batch", "MaxVio of a batch", "", "lower", "Fullest expert over the mean, less 1, padding included."),
    Metric(
        "expert_rank", "Expert tokens of a rank", "tokens", "lower", "Tokens that experts of a rank compute a step."
    ),
    Metric("stall_mean", "Stall of a checkpoint", "s", "lower", "By the clock; other work on the machine shows."),
    Metric("loss", "Loss", "nats", "lower", "Mean of the last five steps, before their updates."),
)
LAST = 3  # the last third of the steps is what figures of experts are taken from


def outcome(label: str, parts: Parts, run: Run, ranks: Sequence[Meter]) -> Outcome:
    """Return figures, processor seconds by step and rank, the passes of a usual step, and the loads of experts."""
    steps = timelines(parts, run, ranks)
    rest = np.array([rank.rest for rank in ranks]).T  # [steps, ranks]
    span = np.array([step.makespan for step in steps]) + rest.max(axis=1)
    load = Load(np.array([step.busy for step in steps]) + rest, span, worker="rank")
    loads = np.concatenate([np.stack(rank.loads) for rank in ranks], axis=1)  # [steps, layers, experts]
    maxvio = np.array([[violation(layer) for layer in step] for step in loads])
    first, positions = ranks[0], np.array(ranks[0].positions)
    tokens, usual = float(sum(first.tokens)), float(np.median(span))
    metrics = {
        "throughput": tokens / len(span) / usual,
        "step": usual,
        "bubble": idle_share(load),
        "uneven": peak_over_mean(load),
        "cpu": sum(rank.cpu for rank in ranks) / len(span),
        "padding": 1.0 - tokens / float(positions.sum()),
        "micro_uneven": float(np.mean([max(step) / np.mean(step) for step in first.positions])),
        "parameters": float(max(rank.parameters for rank in ranks)),
        "maxvio_batch": float(maxvio[-(len(maxvio) // LAST) :].mean()),
        "expert_rank": float(max(np.stack(rank.loads).sum() for rank in ranks)) / len(span),
        "stall_mean": sum(rank.stalled for rank in ranks) / max(1, sum(rank.saved for rank in ranks)),
        "loss": float(np.mean(first.losses[-5:])),
    }
    middle = steps[int(np.argsort(span)[len(span) // 2])]
    series = {
        "pipeline": passes(middle),
        "violation": {"time": np.arange(len(maxvio)), "maxvio": maxvio.mean(axis=1)},
    }
    return Outcome(label, metrics, load, experts(loads, ranks), series, facts(run))


def timelines(parts: Parts, run: Run, ranks: Sequence[Meter]) -> list[Timeline]:
    """Return each step as it would be if both ranks had a core of their own and sent in no time.

    Each pass takes the processor seconds that it took, and begins when what it waits for has ended.
    """
    known = order(parts, run, len(ranks))
    return [replay(known, np.concatenate(step)) for step in zip(*(rank.passes for rank in ranks), strict=True)]


def experts(loads: Floats, ranks: Sequence[Meter]) -> dict[str, Array]:
    """Return a row an expert: its load over the mean of its layer in the last third of the steps, and its price."""
    last = loads[-(len(loads) // LAST) :].sum(axis=0)
    layers, count = last.shape
    return {
        "layer": np.repeat(np.arange(layers), count),
        "number": np.tile(np.arange(count), layers),
        "share": (last / last.mean(axis=1, keepdims=True)).ravel(),
        "price": np.concatenate([rank.prices for rank in ranks]).ravel(),
    }


def facts(run: Run) -> dict[str, str | int | float]:
    """Return what the runs rest on."""
    size = run.size
    return {
        "model": f"{size.layers} layers of width {size.width}, {size.active} of {size.experts} experts, "
        f"vocabulary of {size.vocabulary:,}",
        "device": "2 processes, one thread each",
        "steps": run.steps,
        "documents of a step": run.batch,
        "micro-batches": run.micro,
        "checkpoints every": f"{run.every} steps",
        "seed": run.seed,
        "times": "processor seconds of each pass, begun when what it waits for has ended",
    }
