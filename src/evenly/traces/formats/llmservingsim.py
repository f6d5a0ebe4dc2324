"""Requests of measured runs, as LLMServingSim publishes them."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evenly.core import Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens, unique
from evenly.traces.formats._columns import csv_names, read_csv

USED = ("arrival_s", "input_toks", "output_toks")
TIMES = ("queued_s", "scheduled_s", "first_token_s", "last_token_s", "ttft_s", "e2e_s", "tpot_s")


@dataclass(frozen=True, slots=True)
class Llmservingsim:
    """CSV with `request_id,input_toks,output_toks,arrival_s` and the times that a real engine took.

    The measured times stay in `extra`, for comparison with a simulation.

    Reference: J. Cho et al., "LLMServingSim: A HW/SW Co-Simulation Infrastructure for LLM Inference Serving at Scale",
    IISWC 2024; https://github.com/casys-kaist/LLMServingSim.
    """

    needs: ClassVar[Needs] = (USED,)

    def match(self, head: str) -> bool:
        """Tell whether the header names arrival and token counts of LLMServingSim."""
        return set(USED) <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace; times count from the first request."""
        columns = read_csv(path, (*USED, *TIMES))
        if "request_id" in columns:
            unique(columns, "request_id")
        return build(
            columns,
            seconds(columns, "arrival_s"),
            tokens(columns, "input_toks"),
            tokens(columns, "output_toks"),
            extra=rest(columns, USED),
        )
