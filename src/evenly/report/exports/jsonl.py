"""One JSON object a request."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from evenly.core import Outcome
from evenly.sweep.folder import write_text


@dataclass(frozen=True, slots=True)
class Jsonl:
    """Every column of every request as a line of JSON, times in seconds, null where a request never got there."""

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `requests.jsonl`."""
        path = folder / "requests.jsonl"
        names = list(outcome.items)
        columns = [outcome.items[name].tolist() for name in names]
        lines = []
        for row in zip(*columns, strict=True):
            entry = {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in zip(names, row, strict=True)
            }
            lines.append(json.dumps(entry))
        write_text(path, "\n".join([*lines, ""]))
        return path
