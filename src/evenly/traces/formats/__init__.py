"""Trace file formats, recognised by content and never by file name."""

from pathlib import Path
from typing import Protocol

from evenly.core import Catalog, Trace


class Format(Protocol):
    """Read one public trace format."""

    def match(self, head: str) -> bool:
        """Tell from the first lines of a file whether it is in this format."""
        ...

    def read(self, path: Path) -> Trace:
        """Return the trace; raise `ValueError` that names file, line, field, value and remedy."""
        ...


formats: Catalog[Format] = Catalog(__name__, Format)
