"""Write Mooncake JSON lines."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.core import Array, Trace
from evenly.traces.writers._table import copy, lost

EXACT = 1e-12  # a share of a time, to which seconds times 1000 are exact


@dataclass(frozen=True, slots=True)
class Mooncake:
    """JSON lines with `timestamp` (whole ms), `input_length`, `output_length`, and where known `hash_ids` and sessions.

    Sessions are `session_id` and `delay` (ms) of a request that waits for the one before it. Failed requests are
    written with an output of 0.

    Reference: R. Qin et al., "Mooncake: Trading More Storage for Less Computation", FAST 2025.
    """

    def save(self, trace: Trace, path: Path) -> tuple[str, ...]:
        """Write the trace; users, priorities and fractions of a millisecond are lost."""
        output = trace.output if trace.failed is None else np.where(trace.failed, 0, trace.output)
        ms = trace.arrival * 1e3
        rows: dict[str, Array] = {
            "row": np.arange(len(trace)),
            "ms": np.rint(ms).astype(np.int64),
            "prompt": trace.prompt,
            "output": output,
        }
        fields = ["ms AS timestamp", "prompt AS input_length", "output AS output_length"]
        if trace.session is not None or trace.after is not None:
            rows["session"] = _sessions(trace)
            fields.append("CASE WHEN session >= 0 THEN 's' || session END AS session_id")
        if trace.after is not None and trace.pause is not None:
            rows["delay"] = np.where(trace.after >= 0, trace.pause * 1e3, -1.0)
            fields.append("CASE WHEN delay >= 0 THEN delay END AS delay")
        if trace.prefixes is None:
            copy({"rows": rows}, f"SELECT {', '.join(fields)} FROM rows", path, "FORMAT json")
        else:
            _with_ids(trace, rows, fields, path)
        fine = {"fractions of a millisecond": True} if (np.abs(ms - np.rint(ms)) > EXACT * (1 + ms)).any() else {}
        return lost(user=trace.user, priority=trace.priority, **trace.extra, **fine)


def _with_ids(trace: Trace, rows: dict[str, Array], fields: list[str], path: Path) -> None:
    assert trace.prefixes is not None
    lengths = np.diff(trace.prefixes.offsets)
    ids: dict[str, Array] = {
        "row": np.repeat(np.arange(len(trace)), lengths),
        "place": np.arange(len(trace.prefixes.ids)),
        "id": trace.prefixes.ids,
    }
    query = (
        f"SELECT {', '.join(fields)}, coalesce(hash_ids, []) AS hash_ids FROM rows LEFT JOIN "
        "(SELECT row, list(id ORDER BY place) AS hash_ids FROM ids GROUP BY row) USING (row) ORDER BY row"
    )
    copy({"rows": rows, "ids": ids}, query, path, "FORMAT json")


def _sessions(trace: Trace) -> Array:
    """Return the sessions; a chain without one gets the number of its first request.

    Raises `ValueError` for a chain that a line of Mooncake cannot say: it waits for the line before in its session.
    """
    if trace.after is None:
        assert trace.session is not None
        return trace.session
    root = np.arange(len(trace))
    ahead = np.where(trace.after >= 0, trace.after, root)
    while not np.array_equal(ahead, ahead[ahead]):
        ahead = ahead[ahead]
    session = trace.session if trace.session is not None else np.where(_linked(trace), ahead, -1)
    order = np.argsort(session, kind="stable")
    same = np.concatenate(([False], session[order][1:] == session[order][:-1]))
    before = np.full(len(trace), -1)
    before[order[same]] = order[np.flatnonzero(same) - 1]
    waits = trace.after >= 0
    if np.any((before != trace.after)[waits] | (session < 0)[waits]):
        row = int(np.flatnonzero(waits & ((before != trace.after) | (session < 0)))[0])
        raise ValueError(
            f"request {row} waits for request {trace.after[row]}, which is not the one before it in its session; "
            "Mooncake's format cannot say so"
        )
    return session


def _linked(trace: Trace) -> Array:
    assert trace.after is not None
    linked = trace.after >= 0
    linked[trace.after[linked]] = True
    return linked
