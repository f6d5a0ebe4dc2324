"""Request traces of APEX+."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evenly.core import Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens, unique
from evenly.traces.formats._columns import csv_names, read_csv, read_json
from evenly.traces.formats._json import keys

NUMBERS = ("StartTimeOffset", "ContextTokens", "GeneratedTokens")
CSV_NUMBERS = ("arrival_ns", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Apex:
    """JSON lines with `StartTimeOffset` (ns), `RequestID`, `ContextTokens`, `GeneratedTokens`, or the same as CSV.

    The CSV form names them `arrival_ns`, `request_id`, `input_tokens`, `output_tokens`.

    Reference: Y. Lin et al., "APEX: An Extensible and Dynamism-Aware Simulator for Automated Parallel Execution in LLM
    Serving", 2024; https://github.com/microsoft/apex_plus.
    """

    needs: ClassVar[Needs] = (NUMBERS, CSV_NUMBERS)

    def match(self, head: str) -> bool:
        """Tell whether the fields are those of APEX+."""
        return set(NUMBERS) <= keys(head) or set(CSV_NUMBERS) <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace; times count from the first request."""
        with path.open(encoding="utf-8-sig") as file:
            names = CSV_NUMBERS if not file.readline().lstrip().startswith("{") else NUMBERS
        columns = read_csv(path, names) if names is CSV_NUMBERS else read_json(path, names, text=("RequestID",))
        identifier = "RequestID" if "RequestID" in columns else "request_id"
        if identifier in columns:
            unique(columns, identifier)
        return build(
            columns,
            seconds(columns, names[0], 1e-9),
            tokens(columns, names[1]),
            tokens(columns, names[2]),
            extra=rest(columns, names),
        )
