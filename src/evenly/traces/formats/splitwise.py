"""Request traces of the Splitwise simulator."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evenly.core import Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens, unique
from evenly.traces.formats._columns import csv_names, read_csv

NUMBERS = ("arrival_timestamp", "batch_size", "prompt_size", "token_size")


@dataclass(frozen=True, slots=True)
class Splitwise:
    """CSV with `request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size`.

    Times are seconds; a user is an application.

    Reference: P. Patel et al., "Splitwise: Efficient Generative LLM Inference Using Phase Splitting", ISCA 2024;
    https://github.com/Mutinifni/splitwise-sim.
    """

    needs: ClassVar[Needs] = (("arrival_timestamp", "prompt_size", "token_size"),)

    def match(self, head: str) -> bool:
        """Tell whether the header names arrival, prompt and token size."""
        return set(self.needs[0]) <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace with the request's identifier, type and batch size in `extra`."""
        columns = read_csv(path, NUMBERS)
        if "request_id" in columns:
            unique(columns, "request_id")
        return build(
            columns,
            seconds(columns, "arrival_timestamp"),
            tokens(columns, "prompt_size"),
            tokens(columns, "token_size"),
            user=columns.texts["application_id"].code if "application_id" in columns else None,
            extra=rest(columns, ("arrival_timestamp", "prompt_size", "token_size", "application_id")),
        )
