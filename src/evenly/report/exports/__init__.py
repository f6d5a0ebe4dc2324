"""Results in the formats of other tools."""

from pathlib import Path
from typing import Protocol

from evenly.core import Catalog, Outcome


class Export(Protocol):
    """Write one outcome as a file for another tool."""

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write a file into `folder` and return its path."""
        ...


exports: Catalog[Export] = Catalog(__name__, Export)
