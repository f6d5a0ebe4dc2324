"""A load: work by step and by worker, simulated or measured."""

from dataclasses import dataclass

import numpy as np

from evenly.core.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """How much work each worker did in each step.

    One set of measures judges every domain through this noun: replicas by time bin, ranks by training step,
    executors by stage, experts by layer.

    >>> Load(work=np.array([[2.0, 1.0], [1.0, 1.0]])).total
    array([3., 2.])
    """

    work: Floats
    "Work of each worker in each step, shape [steps, workers], not negative."
    span: Floats | None = None
    "Work that one worker could have done in each step; `None`: a step lasts as long as its heaviest worker."
    unit: str = "seconds"
    worker: str = "worker"
    "What a worker is: replica, rank, stage, expert."

    def __post_init__(self) -> None:
        if self.work.ndim != 2:
            raise ValueError(f"work has shape [steps, workers], not {self.work.shape}")
        if not np.all(np.isfinite(self.work)) or np.any(self.work < 0):
            raise ValueError("work must be finite and not negative")
        if self.span is not None and self.span.shape != self.work.shape[:1]:
            raise ValueError(f"span has one entry a step: {self.work.shape[0]}, not {self.span.shape}")

    @property
    def total(self) -> Floats:
        """Work of each worker over all steps."""
        return np.asarray(self.work.sum(axis=0))
