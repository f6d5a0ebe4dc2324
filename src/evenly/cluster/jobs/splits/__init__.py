"""Splits: into how many tasks a stage is cut."""

from typing import Protocol

from evenly.core import Catalog


class Split(Protocol):
    """Cut stages whose tasks were not recorded."""

    def tasks(self, work: float, size: float, slots: int) -> int:
        """Return the number of tasks, at least 1, of so many estimated core-seconds and bytes on so many slots."""
        ...


splits: Catalog[Split] = Catalog(__name__, Split)
