"""Request traces prepared for Vidur."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from evenly.core import Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens
from evenly.traces.formats._columns import csv_names, read_csv

NUMBERS = ("arrived_at", "num_prefill_tokens", "num_decode_tokens", "num_total_tokens", "pd_ratio")


@dataclass(frozen=True, slots=True)
class Vidur:
    """CSV with `arrived_at` (seconds), `num_prefill_tokens`, `num_decode_tokens`.

    Files of lengths have no `arrived_at`: then all requests arrive at 0, an offline batch.

    Reference: A. Agrawal et al., "Vidur: A Large-Scale Simulation Framework for LLM Inference", MLSys 2024;
    https://github.com/microsoft/vidur.
    """

    needs: ClassVar[Needs] = (("num_prefill_tokens", "num_decode_tokens"),)

    def match(self, head: str) -> bool:
        """Tell whether the header names prefill and decode tokens."""
        return set(self.needs[0]) <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace."""
        columns = read_csv(path, NUMBERS)
        timed = "arrived_at" in columns
        return build(
            columns,
            seconds(columns, "arrived_at") if timed else np.zeros(len(columns)),
            tokens(columns, "num_prefill_tokens"),
            tokens(columns, "num_decode_tokens"),
            extra=rest(columns, NUMBERS),
            note="" if timed else "lengths only, all at 0 s",
        )
