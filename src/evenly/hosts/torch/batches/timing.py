"""Times of micro-batches, measured while a model trains, and the cost model that they give."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from evenly.core import Ints
from evenly.train.batches.fitting import Fit, fit
from evenly.train.batches.log import text

WARM = 3  # micro-batches that begin slowly: allocations, autotuning


class StepTimes:
    """Record how long micro-batches take, then fit a cost model to them.

    ```python
    times = StepTimes()
    with times.measure(lengths):     # forward and backward of one micro-batch
        loss = scale * model(batch)
        loss.backward()
    sampler = DistributedBatchSampler(lengths, batch=16, cost=times.fit().effort)
    ```

    Measure micro-batches that wait for nobody: those under `model.no_sync()`, or a run on one rank. On CUDA the device
    is awaited before and after, so measure a few dozen, not every one.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Take times from `clock`, in seconds; `time.process_time` where cores are shared with others."""
        self.clock = clock
        self.lengths: list[Ints] = []
        self.seconds: list[float] = []

    @contextmanager
    def measure(self, lengths: Ints) -> Iterator[None]:
        """Take the time of what is computed inside for sequences of these lengths."""
        _await_device()
        begin = self.clock()
        yield
        _await_device()
        self.lengths.append(np.asarray(lengths, np.int64))
        self.seconds.append(self.clock() - begin)

    def write(self, path: str | Path) -> None:
        """Write a line a micro-batch for `evenly calibrate`, without the first three.

        Raises `OSError` if the place cannot be written.
        """
        Path(path).write_text(text(self.lengths[WARM:], self.seconds[WARM:]), encoding="utf-8")

    def fit(self) -> Fit:
        """Return the cost model of all but the first three micro-batches; see `evenly.train.batches.fitting.fit`."""
        return fit(self.lengths[WARM:], np.array(self.seconds[WARM:]))


def _await_device() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
