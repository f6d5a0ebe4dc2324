"""One JSON object a request."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evenly.core import Outcome
from evenly.report.exports._parts import chunks, encode
from evenly.sweep.folder import write_text


@dataclass(frozen=True, slots=True)
class Jsonl:
    """Every column of every request as a line of JSON, times in seconds, null where a request never got there."""

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `requests.jsonl`."""
        path = folder / "requests.jsonl"
        write_text(path, self.lines(outcome))
        return path

    def lines(self, outcome: Outcome) -> Iterator[str]:
        """Return the lines, one a request."""
        names = list(outcome.items)
        for part in chunks(outcome.items):
            for row in zip(*part.values(), strict=True):
                yield encode(dict(zip(names, row, strict=True))) + "\n"
