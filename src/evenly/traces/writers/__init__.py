"""Trace files that evenly writes."""

from pathlib import Path
from typing import Protocol

from evenly.core import Catalog, Trace


class Writer(Protocol):
    """Write one public trace format."""

    def save(self, trace: Trace, path: Path) -> tuple[str, ...]:
        """Write the trace to a new file; return what the format cannot hold."""
        ...


writers: Catalog[Writer] = Catalog(__name__, Writer)
