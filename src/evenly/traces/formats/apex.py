"""APEX traces."""

from dataclasses import dataclass
from pathlib import Path

from evenly.core import Trace
from evenly.traces import tables
from evenly.traces.checks import trace_of

CSV = {"arrival": "arrival_ns", "prompt": "input_tokens", "output": "output_tokens"}
JSON = {"arrival": "StartTimeOffset", "prompt": "ContextTokens", "output": "GeneratedTokens"}


@dataclass(frozen=True, slots=True)
class Apex:
    """Arrival in nanoseconds from the start: JSON lines with `StartTimeOffset`, or CSV with `arrival_ns`.

    Reference: Lin et al., "APEX: an extensible and dynamism-aware simulator for automated parallel execution in LLM
    serving", 2024; data at https://github.com/microsoft/apex_plus (MIT).
    """

    def match(self, head: str) -> bool:
        """Tell by the header or the keys."""
        first = head.splitlines()[0]
        return set(CSV.values()) <= set(first.split(",")) or all(f'"{name}"' in first for name in JSON.values())

    def read(self, path: Path) -> Trace:
        """Return the trace."""
        lines = "json" if tables.head(path).lstrip()[0] == "{" else "csv"
        source = tables.Source(path, lines)
        names = JSON if lines == "json" else CSV
        columns = tables.read(source, {ours: (theirs, "whole") for ours, theirs in names.items()})
        columns["arrival"] = columns["arrival"] / 1e9
        return trace_of(source, names, columns)
