"""A timeline for Perfetto and chrome://tracing."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Floats, Ints, Outcome
from evenly.report.exports import _checkpoints, _experts, _passes, _pipeline, _row, _schedule
from evenly.report.exports._parts import chunks, encode
from evenly.sweep.folder import write_text

COUNTERS = (("waiting", "requests"), ("running", "requests"), ("kv", "share"))
US = 1e6  # the format counts microseconds


@dataclass(frozen=True, slots=True)
class Perfetto:
    """Chrome trace events: a process for each replica, wait, prefill and decode as spans, counters of the fleet.

    Where seats are switched: a row for each direction of the copies between device and host, as many as were logged.
    Where prompts and decodes have a lane each, the first two rows of a replica are the lanes with their passes; those
    of its requests follow. Of operations that share a device: a row for each resource, and a span for each operation
    of each layer. Of experts that do not fit on a device: a row each for CPU, device and link. Of checkpoints: one each
    for device, copier and writer. Of a row of servers: counters of its power, of the level of its clocks and of the
    servers at work, and a span for each brake. Of a pipeline: a row for each device, and a span for each pass.

    Reference: the Trace Event Format, which https://ui.perfetto.dev opens.
    """

    requests: int = 20_000
    "At most so many requests, the first to arrive."

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `trace.json`, one event a line."""
        path = folder / "trace.json"
        write_text(path, self._parts(outcome))
        return path

    def events(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """Return the events: names of processes and rows, spans in order of arrival, counters."""
        if _schedule.scheduled(outcome):
            yield from _schedule.events(outcome)
            return
        if _experts.offloaded(outcome):
            yield from _experts.events(outcome)
            return
        if _checkpoints.saved(outcome):
            yield from _checkpoints.events(outcome)
            return
        if _row.powered(outcome):
            yield from _row.events(outcome)
            return
        if _pipeline.staged(outcome):
            yield from _pipeline.events(outcome)
            return
        items = outcome.items
        chosen = self._chosen(outcome)
        replicas = np.unique(items["replica"][chosen]).tolist()
        fleet = max(replicas, default=-1) + 1  # a process of its own for what all replicas share
        passes = _passes.drawn(outcome, replicas)
        yield from (_named("process_name", replica, 0, f"replica {replica}") for replica in replicas)
        yield _named("process_name", fleet, 0, "fleet")
        names = ("arrival", "start", "first_token", "finish", "prompt", "output", "replica")
        columns = {name: items[name][chosen] for name in names}
        lanes = rows(columns["replica"], columns["arrival"], columns["finish"]) + (len(_passes.LANES) if passes else 0)
        for replica, lane in sorted(set(zip(columns["replica"].tolist(), lanes.tolist(), strict=True))):
            yield _named("thread_name", replica, lane, f"row {lane}")
        yield from _passes.events(passes, replicas)
        for part in chunks({"request": chosen, "lane": lanes, **columns}):
            for row in zip(*part.values(), strict=True):
                yield from _spans(dict(zip(part, row, strict=True)))
        yield from _copies(outcome, int(lanes.max(initial=-1)) + 1)
        table = outcome.series.get("timeline", {})
        for name, unit in COUNTERS:
            if name in table:
                for time, value in zip(table["time"].tolist(), table[name].tolist(), strict=True):
                    if np.isfinite(value):
                        yield {"name": name, "ph": "C", "ts": time * US, "pid": fleet, "tid": 0, "args": {unit: value}}

    def _chosen(self, outcome: Outcome) -> Ints:
        """Return which requests are drawn, in order of arrival."""
        done = np.flatnonzero(np.isfinite(outcome.items["finish"]))
        return np.asarray(done[np.argsort(outcome.items["arrival"][done], kind="stable")][: self.requests], np.int64)

    def _parts(self, outcome: Outcome) -> Iterator[str]:
        yield '{"traceEvents": [\n'
        for k, event in enumerate(self.events(outcome)):
            yield (",\n" if k else "") + encode(event)
        other = {"label": outcome.label}
        kinds = (_schedule.scheduled, _experts.offloaded, _checkpoints.saved, _row.powered, _pipeline.staged)
        if not any(kind(outcome) for kind in kinds):
            drawn, whole = len(self._chosen(outcome)), len(outcome.items["finish"])
            other["requests"] = f"{drawn} of {whole}, the first to arrive"
        yield f'\n],\n"displayTimeUnit": "ms",\n"otherData": {encode(other)}}}\n'


def rows(replica: Ints, begin: Floats, end: Floats) -> Ints:
    """Return a row for each span so that no two of a replica overlap in one row; spans come in order of `begin`.

    >>> rows(np.zeros(3, np.int64), np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0]))
    array([0, 1, 0])
    """
    busy: dict[int, list[tuple[float, int]]] = {}
    free: dict[int, list[int]] = {}
    opened: dict[int, Iterator[int]] = {}
    lanes = np.empty(len(begin), np.int64)
    for k, (r, start, stop) in enumerate(zip(replica.tolist(), begin.tolist(), end.tolist(), strict=True)):
        running, idle = busy.setdefault(r, []), free.setdefault(r, [])
        while running and running[0][0] <= start:
            heapq.heappush(idle, heapq.heappop(running)[1])
        lane = heapq.heappop(idle) if idle else next(opened.setdefault(r, itertools.count()))
        heapq.heappush(running, (stop, lane))
        lanes[k] = lane
    return lanes


def _spans(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return what one request did, as complete events one after the other."""
    start = "start" if request["start"] is not None else "first_token"  # a client does not see it
    times = [request[name] * US for name in ("arrival", start, "first_token", "finish")]
    facts = {name: request[name] for name in ("request", "prompt", "output")}
    for name, begin, end in zip(("wait", "prefill", "decode"), times, times[1:], strict=False):
        if end > begin:
            span = {"name": name, "cat": "request", "ph": "X", "ts": begin, "dur": end - begin}
            yield {**span, "pid": request["replica"], "tid": request["lane"], "args": facts}


def _copies(outcome: Outcome, row: int) -> Iterator[dict[str, Any]]:
    """Return the copies between device and host, in two rows of each replica from `row` on."""
    table = outcome.series.get("copies", {})
    if not table:
        return
    for replica in np.unique(table["replica"]).tolist():
        yield _named("thread_name", replica, row, "copies to the host")
        yield _named("thread_name", replica, row + 1, "copies back")
    for replica, request, back, start, end, pages, pieces in zip(*(c.tolist() for c in table.values()), strict=True):
        span = {
            "name": "back" if back else "out",
            "cat": "copy",
            "ph": "X",
            "ts": start * US,
            "dur": (end - start) * US,
        }
        yield {
            **span,
            "pid": replica,
            "tid": row + back,
            "args": {"request": request, "pages": pages, "pieces": pieces},
        }


def _named(what: str, process: int, row: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "ts": 0, "pid": process, "tid": row, "args": {"name": name}}
