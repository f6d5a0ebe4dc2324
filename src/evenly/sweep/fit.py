"""A comparison on a user's trace: a scenario of the gallery, with as many replicas as the trace needs."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Document, Trace
from evenly.sweep.idle import variants
from evenly.sweep.scenarios import scenario_of

if TYPE_CHECKING:
    from evenly.serve.scenario import ServeScenario

LOAD = 0.7  # share of a fleet's time that the trace should keep busy
BATCH = 64  # requests that are assumed to decode together, to price a request before anything is simulated
SHORTEST = 2048  # tokens that a model accepts at least


def on_trace(
    base: Document, path: Path, changes: Mapping[str, Any], sets: Sequence[str] = ()
) -> tuple[Document, list[str]]:
    """Return the scenario `base` with the trace at `path`, and what was derived, in sentences.

    `changes` are values by path and `sets` overrides as a user writes them; what they set is not derived. Replicas
    are chosen so that the trace keeps them busy for 70% of the time, by the cost model's own figures; a variant that
    sets its own number, such as one whose replicas are two devices, keeps its proportion to the others.
    """
    from evenly.serve.scenario import ServeScenario, servable

    if base.raw.get("kind") != "serve":
        raise ValueError(f"{base.source}: kind is '{base.raw.get('kind')}'; a trace takes a scenario of kind 'serve'")
    document = base.replace("trace", {"use": "file", "path": str(path)}).replace("name", path.name)
    for name, value in changes.items():
        document = document.replace(name, value)
    for assignment in sets:
        document = document.override(assignment)
    asked = {assignment.partition("=")[0] for assignment in sets}
    scenario = scenario_of(next(iter(variants(document).values())))
    assert isinstance(scenario, ServeScenario)
    trace = servable(scenario.trace.draw(0))
    if len(trace) == 0:
        raise ValueError(f"{path}: no request with prompt and output; there is nothing to serve")
    notes = [
        f"{path.name}: {len(trace):,} requests in {trace.span:,.0f} s, mean prompt {trace.prompt.mean():,.0f} and "
        f"output {trace.output.mean():,.0f} tokens"
    ]
    if "max_model_len" not in asked:
        longest = int((trace.prompt + trace.output).max())
        limit = max(SHORTEST, 1 << math.ceil(math.log2(longest)))
        document, scenario = document.replace("max_model_len", limit), replace(scenario, max_model_len=limit)
        notes.append(f"max_model_len: {limit}, so that the longest request fits")
    wanted = None if "replicas" in asked else replicas(scenario, trace)
    document, sizes = _sized(document, base, wanted, asked)
    why = f", so that they are busy about {LOAD:.0%} of the time" if wanted is not None else ""
    notes.append(
        f"replicas: {sizes}{why}, as {scenario.model} on {scenario.device} with {1e3 * scenario.host_overhead:g} ms of "
        "host work a pass beside the cost model's; change any of it with --set"
    )
    return document, notes


def _sized(document: Document, base: Document, wanted: int | None, asked: Collection[str]) -> tuple[Document, str]:
    """Return the document with at least as many replicas as wanted, or with its own, and the numbers in words.

    A variant that sets its own number keeps its proportion to that of the scenario `base`; the numbers are such that
    all come out whole. Raises `ValueError` if a user's number is not.
    """
    whole = int(base.raw.get("replicas", 1))
    compare = {label: dict(change) for label, change in dict(document.raw.get("compare") or {}).items()}
    own = [label for label in compare if "replicas" in compare[label] and f"compare.{label}.replicas" not in asked]
    parts = {label: Fraction(compare[label]["replicas"], whole) for label in own}
    step = math.lcm(*(part.denominator for part in parts.values()))
    count = int(document.raw.get("replicas", 1)) if wanted is None else math.ceil(wanted / step) * step
    if count % step:
        raise ValueError(f"--set replicas={count}: take a multiple of {step}; variants of {base.source} differ in size")
    for label, part in parts.items():
        compare[label]["replicas"] = int(count * part)
    raw = {**document.raw, "replicas": count} | ({"compare": compare} if compare else {})
    sizes = "".join(f", {compare[label]['replicas']} of \u201c{label}\u201d" for label in own)
    return replace(document, raw=raw), f"{count}{sizes}"


def replicas(scenario: "ServeScenario", trace: Trace) -> int:
    """Return how many replicas the trace keeps busy for 70% of the time, priced by the scenario's own cost model."""
    fleet = scenario.fleet()
    prompt, output = float(trace.prompt.mean()), float(trace.output.mean())
    chunk, empty = np.array([max(1, round(prompt))]), np.zeros(0, np.int64)
    fill = scenario.cost.seconds(chunk, np.zeros(1, np.int64), 0, 0.0, 0, fleet.tables)[0]
    decode = scenario.cost.seconds(empty, empty, BATCH, BATCH * (prompt + output / 2), round(prompt), fleet.tables)[0]
    work = len(trace) * (fill + output * (decode + scenario.host_overhead) / BATCH)
    return max(1, math.ceil(work / (LOAD * max(trace.span, 1.0)))) if trace.span > 0 else 1
