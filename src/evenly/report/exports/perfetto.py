"""A timeline for Perfetto and chrome://tracing."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Outcome
from evenly.sweep.folder import write_text

COUNTERS = ("waiting", "running", "kv")


@dataclass(frozen=True, slots=True)
class Perfetto:
    """Chrome trace events: a process for each replica, wait, prefill and decode as spans, counters of the fleet.

    Reference: the Trace Event Format, https://ui.perfetto.dev opens it.
    """

    requests: int = 20_000
    "At most so many requests, the first to arrive."

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `trace.json`."""
        path = folder / "trace.json"
        text = json.dumps({"traceEvents": self.events(outcome), "displayTimeUnit": "ms"}, allow_nan=False)
        write_text(path, text + "\n")
        return path

    def events(self, outcome: Outcome) -> list[dict[str, Any]]:
        """Return the events; times in microseconds."""
        items = outcome.items
        done = np.flatnonzero(np.isfinite(items["finish"]))
        chosen = done[np.argsort(items["arrival"][done], kind="stable")][: self.requests]
        events: list[dict[str, Any]] = [
            {"name": "process_name", "ph": "M", "pid": int(r), "args": {"name": f"replica {int(r)}"}}
            for r in np.unique(items["replica"][chosen])
        ]
        lanes = _lanes(items["replica"][chosen], items["arrival"][chosen], items["finish"][chosen])
        for i, lane in zip(chosen.tolist(), lanes, strict=True):
            times = [float(items[name][i]) * 1e6 for name in ("arrival", "start", "first_token", "finish")]
            facts = {"request": i, "prompt": int(items["prompt"][i]), "output": int(items["output"][i])}
            for name, begin, end in zip(("wait", "prefill", "decode"), times, times[1:], strict=False):
                if end > begin:
                    span = {"name": name, "cat": "request", "ph": "X", "ts": begin, "dur": end - begin}
                    events.append({**span, "pid": int(items["replica"][i]), "tid": lane, "args": facts})
        table = outcome.series.get("timeline", {})
        for name in COUNTERS:
            if name in table:
                events += [
                    {"name": name, "ph": "C", "ts": float(t) * 1e6, "pid": 0, "args": {name: float(v)}}
                    for t, v in zip(table["time"], table[name], strict=True)
                    if np.isfinite(v)
                ]
        return events


def _lanes(replica: Any, begin: Any, end: Any) -> list[int]:
    """Return a row for each span so that no two of a replica overlap in one row; spans come in order of `begin`."""
    free: dict[int, list[float]] = {}
    lanes = []
    for r, start, stop in zip(replica.tolist(), begin.tolist(), end.tolist(), strict=True):
        ends = free.setdefault(r, [])
        lane = next((k for k, busy in enumerate(ends) if busy <= start), len(ends))
        if lane == len(ends):
            ends.append(stop)
        else:
            ends[lane] = stop
        lanes.append(lane)
    return lanes
