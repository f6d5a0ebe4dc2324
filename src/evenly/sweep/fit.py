"""A comparison on a user's trace: the embedded scenario, with as many replicas as the trace needs."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Document

LOAD = 0.7  # share of a fleet's time that the trace should keep busy
BATCH = 64  # requests that are assumed to decode together, to price a request before anything is simulated


def on_trace(base: Document, path: Path) -> tuple[Document, list[str]]:
    """Return the scenario `base` with the trace at `path`, and what was derived, in sentences.

    Replicas are chosen so that the trace keeps them busy for 70% of the time, by the cost model's own figures.
    """
    from evenly.serve.scenario import ServeScenario, servable
    from evenly.sweep.scenarios import scenario_of

    document = base.replace("trace", {"use": "file", "path": str(path)}).replace("name", path.name)
    longest_label, first = next(iter(document.variants().items()))
    scenario = scenario_of(first)
    assert isinstance(scenario, ServeScenario), longest_label
    trace = servable(scenario.trace.draw(0))
    if len(trace) == 0:
        raise ValueError(f"{path}: no request with prompt and output; there is nothing to serve")
    longest = int((trace.prompt + trace.output).max())
    limit = max(2048, 1 << math.ceil(math.log2(longest)))
    document = document.replace("max_model_len", limit)
    fleet = replace(scenario, max_model_len=limit).fleet()
    tables: Any = scenario.cost.tables(fleet.model, fleet.device, scenario.tensor)
    prompt, output = float(trace.prompt.mean()), float(trace.output.mean())
    chunk, before = np.array([max(1, round(prompt))]), np.zeros(1, np.int64)
    empty = np.zeros(0, np.int64)
    fill = scenario.cost.seconds(chunk, before, 0, 0.0, 0, tables)[0]
    decode = scenario.cost.seconds(empty, empty, BATCH, BATCH * (prompt + output / 2), round(prompt), tables)[0]
    work = len(trace) * (fill + output * decode / BATCH)
    replicas = max(1, math.ceil(work / (LOAD * max(trace.span, 1.0)))) if trace.span > 0 else 1
    notes = [
        f"{path.name}: {len(trace):,} requests in {trace.span:,.0f} s, prompt {prompt:,.0f} and output {output:,.0f} tokens",
        f"replicas: {replicas}, so that they are busy about {LOAD:.0%} of the time; max_model_len: {limit}; "
        f"model {scenario.model} on {scenario.device}; change any of it with --set",
    ]
    return document.replace("replicas", replicas), notes
