"""Traffics: what each server of a row is asked for."""

from typing import Protocol

from evenly.core import Catalog, Floats, Ints
from evenly.hardware.server import Phases

HIGH, LOW = 0, 1
STREAM = 31  # tells random numbers of traffic from those of others with the same seed
Stream = tuple[Floats, Ints, Ints]
"""Requests of one server: rising seconds of arrival, tokens of the prompts, tokens of the answers."""


class Traffic(Protocol):
    """Say what each server of a row is asked for.

    Servers are numbered; even ones have high priority. Equal seeds give a server equal requests, however many others
    there are.
    """

    def __hash__(self) -> int: ...

    @property
    def seconds(self) -> float:
        """Return the length of a run."""
        ...

    def lasting(self, hours: float) -> "Traffic":
        """Return the same traffic for another length of time."""
        ...

    def stream(self, server: int, phases: Phases, seed: int) -> Stream:
        """Return the requests of a server; `phases` tells how long each takes at full clock."""
        ...


traffics: Catalog[Traffic] = Catalog(__name__, Traffic)
