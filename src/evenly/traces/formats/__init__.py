"""Trace file formats, recognised by content and never by file name."""

from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias

from evenly.core import Catalog, Trace

Needs: TypeAlias = tuple[tuple[str, ...], ...]


class Format(Protocol):
    """Read one public trace format."""

    needs: ClassVar[Needs]
    "Columns or keys that a file must have, one set for each form of the format; suggestions are made from them."

    def match(self, head: str) -> bool:
        """Tell from the first lines of a file whether it is in this format."""
        ...

    def read(self, path: Path) -> Trace:
        """Return the trace; raise `ValueError` that names file, line, field, value and remedy."""
        ...


formats: Catalog[Format] = Catalog(__name__, Format)
