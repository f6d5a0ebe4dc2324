"""Azure LLM inference traces."""

from dataclasses import dataclass
from pathlib import Path

from evenly.core import Trace
from evenly.traces import tables
from evenly.traces.checks import trace_of

NAMES = {"arrival": "TIMESTAMP", "prompt": "ContextTokens", "output": "GeneratedTokens"}


@dataclass(frozen=True, slots=True)
class Azure:
    """`TIMESTAMP,ContextTokens,GeneratedTokens`: the files of 2023 (local time) and of 2024 (with an offset).

    Reference: Patel et al., "Splitwise: efficient generative LLM inference using phase splitting", 2024; data at
    https://github.com/Azure/AzurePublicDataset (CC BY 4.0).
    """

    def match(self, head: str) -> bool:
        """Tell by the header."""
        return head.startswith(",".join(NAMES.values()))

    def read(self, path: Path) -> Trace:
        """Return the trace; arrivals count from the first request."""
        source = tables.Source(path)
        kinds = {"arrival": "time", "prompt": "whole", "output": "whole"}
        return trace_of(source, NAMES, tables.read(source, {k: (NAMES[k], kinds[k]) for k in NAMES}))
