"""What a rank computed and what it waited for, taken around the lines of the loop."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.hosts.torch.experts import BiasBalancer
from examples.training.rows import Rows


@dataclass(slots=True)
class Meter:
    """Figures of one rank, an entry a step; it goes from process to process as it is."""

    parameters: int
    "Weights of this rank."
    step: int = -1
    "The last one that was computed."
    losses: list[float] = field(default_factory=list)
    passes: list[list[float]] = field(default_factory=list)
    "Processor seconds of each pass, in the order of the pipeline."
    rest: list[float] = field(default_factory=list)
    "Processor seconds of the training's thread beside its passes: layout, update, checkpoint."
    positions: list[list[int]] = field(default_factory=list)
    "Tokens that are computed in each micro-batch, padding included."
    tokens: list[int] = field(default_factory=list)
    "Tokens that have a label."
    loads: list[Ints] = field(default_factory=list)
    "Tokens of each expert, shape [layers of this rank, experts]."
    prices: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    "Of each expert in the end, in the same shape."
    stalled: float = 0.0
    "Seconds by the clock that the training waited for checkpoints."
    saved: int = 0
    "Checkpoints."
    cpu: float = 0.0
    "Processor seconds of the whole process, all its threads."
    clocks: tuple[float, float] = (0.0, 0.0)
    "Of thread and process, at the beginning of the step."

    @contextmanager
    def stall(self) -> Iterator[None]:
        """Take the time of what is called inside: a checkpoint, or the wait for one."""
        begin = time.perf_counter()
        yield
        self.stalled += time.perf_counter() - begin

    def begin(self) -> None:
        """Note the clocks before a step."""
        self.clocks = time.thread_time(), time.process_time()

    def end(self, step: int, loss: float, pipeline: Any, micro_batches: Sequence[Rows], balancer: BiasBalancer) -> None:
        """Note what a step took and did."""
        thread, process = self.clocks
        self.cpu += time.process_time() - process
        self.step = step
        self.losses.append(loss)
        self.passes.append(pipeline.seconds)
        self.rest.append(time.thread_time() - thread - sum(pipeline.seconds))
        self.positions.append([rows.tokens.numel() for rows in micro_batches])
        self.tokens.append(sum(int((rows.labels >= 0).sum()) for rows in micro_batches))
        self.loads.append(np.stack(balancer.loads))
        self.prices = np.stack([router.price.numpy().astype(np.float64) for router in balancer.routers])
