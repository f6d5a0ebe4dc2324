"""BurstGPT traces."""

from dataclasses import dataclass
from pathlib import Path

from evenly.core import Trace
from evenly.traces import tables
from evenly.traces.checks import codes, trace_of

NAMES = {"arrival": "Timestamp", "prompt": "Request tokens", "output": "Response tokens"}


@dataclass(frozen=True, slots=True)
class Burstgpt:
    """`Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`, newer files with sessions.

    A request without response tokens failed; it is kept and flagged.

    Reference: Wang et al., "BurstGPT: a real-world workload dataset to optimize LLM serving systems", 2024; data at
    https://github.com/HPMLL/BurstGPT (CC BY 4.0).
    """

    def match(self, head: str) -> bool:
        """Tell by the header, in any order of columns."""
        return set(NAMES.values()) <= set(head.splitlines()[0].split(","))

    def read(self, path: Path) -> Trace:
        """Return the trace; model and log type stand in `extra`, as codes."""
        source = tables.Source(path)
        header = tables.head(path).splitlines()[0].split(",")
        wanted = {
            "arrival": (NAMES["arrival"], "number"),
            "prompt": (NAMES["prompt"], "whole"),
            "output": (NAMES["output"], "whole"),
        }
        texts = {"model": "Model", "service": "Log Type"}
        present = {ours: theirs for ours, theirs in texts.items() if theirs in header}
        columns = tables.read(source, wanted | {ours: (theirs, "text") for ours, theirs in present.items()})
        for ours in present:
            columns[ours] = codes(columns[ours])
        return trace_of(source, NAMES, columns)
