"""Splitwise traces."""

from dataclasses import dataclass
from pathlib import Path

from evenly.core import Trace
from evenly.traces import tables
from evenly.traces.checks import trace_of

NAMES = {"arrival": "arrival_timestamp", "prompt": "prompt_size", "output": "token_size"}


@dataclass(frozen=True, slots=True)
class Splitwise:
    """`request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size`, in seconds.

    Reference: Patel et al., "Splitwise: efficient generative LLM inference using phase splitting", 2024; simulator at
    https://github.com/Mutinifni/splitwise-sim (MIT).
    """

    def match(self, head: str) -> bool:
        """Tell by the header."""
        return set(NAMES.values()) <= set(head.splitlines()[0].split(","))

    def read(self, path: Path) -> Trace:
        """Return the trace."""
        source = tables.Source(path)
        kinds = {"arrival": "number", "prompt": "whole", "output": "whole"}
        return trace_of(source, NAMES, tables.read(source, {k: (NAMES[k], kinds[k]) for k in NAMES}))
