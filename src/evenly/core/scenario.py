"""A scenario: everything that determines one run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from evenly.core.outcome import Metric, Outcome


class Progress(Protocol):
    """Tell a person how far a run is."""

    def __call__(self, done: float, total: float) -> None:
        """Report `done` of `total` units of work."""
        ...


def silent(done: float, total: float) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One workload, one set of policies, one seed.

    Each domain package exposes one subclass named `Scenario<Domain>` through its `scenario` attribute; its `kind`
    is the package's name. `run` depends on the fields alone: equal scenarios give equal outcomes.
    """

    kind: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    "Figures of an outcome, in the order of the table."
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    "Dotted fields, and the values that a search tries in them by default."

    name: str = ""
    "Title for reports."
    seed: int = 0
    "Seed of every random draw."

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is a whole number from 0, not {self.seed}")

    def run(self, progress: Progress = silent) -> Outcome:
        """Simulate or measure, and return what happened."""
        raise TypeError(f"{type(self).__name__} does not run; use the scenario of a domain")

    def idle(self) -> tuple[str, ...]:
        """Return the fields that are set although nothing here asks them."""
        return ()

    def check(self) -> Self:
        """Raise `ValueError` for combinations that no field can see alone; return self."""
        return self
