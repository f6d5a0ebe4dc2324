"""Timings: how long the passes of a pipeline take."""

from typing import Protocol

from evenly.core import Catalog
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.work import Work


class Timing(Protocol):
    """Say how long every pass of a pipeline takes."""

    def times(self, work: Work) -> Times:
        """Return seconds by stage and device; raise `ValueError` for work whose times are not known."""
        ...


timings: Catalog[Timing] = Catalog(__name__, Timing)
