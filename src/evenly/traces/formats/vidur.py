"""Vidur traces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.traces import tables
from evenly.traces.checks import trace_of

NAMES = {"arrival": "arrived_at", "prompt": "num_prefill_tokens", "output": "num_decode_tokens"}


@dataclass(frozen=True, slots=True)
class Vidur:
    """`arrived_at,num_prefill_tokens,num_decode_tokens`, in seconds; without `arrived_at` all arrive at once.

    Reference: Agrawal et al., "Vidur: a large-scale simulation framework for LLM inference", 2024; data at
    https://github.com/microsoft/vidur (MIT).
    """

    def match(self, head: str) -> bool:
        """Tell by the header."""
        return {NAMES["prompt"], NAMES["output"]} <= set(head.splitlines()[0].split(","))

    def read(self, path: Path) -> Trace:
        """Return the trace."""
        source = tables.Source(path)
        timed = NAMES["arrival"] in tables.head(path).splitlines()[0].split(",")
        wanted = {"prompt": (NAMES["prompt"], "whole"), "output": (NAMES["output"], "whole")}
        if timed:
            wanted["arrival"] = (NAMES["arrival"], "number")
        columns = tables.read(source, wanted)
        if not timed:
            columns["arrival"] = np.zeros(len(columns["prompt"]))
        return trace_of(source, NAMES, columns)
