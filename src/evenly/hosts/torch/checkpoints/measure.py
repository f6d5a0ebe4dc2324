"""Measure how long training waits for checkpoints, one way beside the other, in one run.

`python -m evenly.hosts.torch.checkpoints.measure [MEGABYTES [RATE]]` prints a table: the same network, the same bytes,
the same folder. RATE holds all that goes to storage to so many megabytes a second.
"""

import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from evenly.hosts.torch.checkpoints.bucket import Bucket
from evenly.hosts.torch.checkpoints.checkpoints import Checkpoints
from evenly.hosts.torch.checkpoints.oracle import same

WIDTH = 1024
BATCH = 8
BYTES = 12 * WIDTH * WIDTH  # of a layer: weights and two moments


def nothing() -> None:
    """Do nothing."""


@dataclass(slots=True)
class Job:
    """A network of square layers and its optimizer, trained as if on a device of its own.

    Forward and backward are computed, and then slept on until `least` seconds are over, as a process does whose device
    computes: what is measured is the waiting for checkpoints, not who shares this machine's cores.
    """

    megabytes: float
    least: float
    layers: int = field(init=False)
    model: Any = field(init=False)
    optimizer: Any = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.layers = max(1, round(self.megabytes * 1e6 / BYTES))
        parts = [torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(self.layers)]
        self.model = torch.nn.Sequential(*parts)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.rows = torch.randn(BATCH, WIDTH)
        self.step(nothing)

    rows: Any = field(init=False)

    @property
    def bytes(self) -> int:
        """Return bytes of weights and moments."""
        return self.layers * BYTES

    def state(self) -> dict[str, Any]:
        """Return what is saved."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def step(self, before_update: Callable[[], None]) -> None:
        """Train one step; call something between backward and update."""
        start = time.perf_counter()
        self.model(self.rows).square().mean().backward()
        time.sleep(max(0.0, start + self.least - time.perf_counter()))
        before_update()
        self.optimizer.step()
        self.optimizer.zero_grad()


@dataclass(slots=True)
class Way:
    """A way to save: what to call, when the state may change, and how all is finished and read back."""

    save: Callable[[dict[str, Any], int], None]
    barrier: Callable[[], None]
    finish: Callable[[], None]
    read: Callable[[dict[str, Any], int], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way took."""

    stalls: tuple[float, ...]
    "Seconds in which training waited for each checkpoint."
    total: float
    "Seconds of all steps and checkpoints, until the last was on storage."
    step: float
    "Seconds of a step, median, without what it waited."
    cpu: float
    "CPU seconds of all threads meanwhile: copies and writes that are hidden still take them."
    right: bool
    "Whether what is read back equals the state in every bit."


@contextmanager
def ours(job: Job, folder: Path, rate: float | None, kind: str) -> Iterator[Way]:
    """Give a way through `Checkpoints`: `lazy`, `snapshot` or `raw`, with one writer and one buffer of two states."""
    buffer = 2 * job.bytes + (16 << 20)
    with Checkpoints(folder, guard=job.optimizer, buffer=buffer, rate=rate, keep=1) as made:
        made.unguard()  # the barrier is called below, where its time is taken

        def save(state: dict[str, Any], version: int) -> None:
            saving = made.async_save(state, version)
            if kind == "snapshot":
                saving.wait()
            if kind == "raw":
                saving.result()

        def read(state: dict[str, Any], version: int) -> None:
            made.load(state, version)

        yield Way(save, made.wait, made.drain, read)


@contextmanager
def torch_save(job: Job, folder: Path, rate: float | None) -> Iterator[Way]:
    """Give `torch.save`, a flush to storage, and a name that appears when all is there."""
    bucket = Bucket(rate)
    path = folder / "state.pt"

    def save(state: dict[str, Any], version: int) -> None:
        folder.mkdir(exist_ok=True)
        with (folder / "incomplete").open("wb") as file:
            torch.save(state, file if rate is None else _Throttled(file, bucket))
            file.flush()
            os.fsync(file.fileno())
        (folder / "incomplete").rename(path)

    def read(state: dict[str, Any], version: int) -> None:
        state.update(torch.load(path, weights_only=True))

    yield Way(save, nothing, nothing, read)


class _Throttled(io.RawIOBase):
    """A file that is held to a rate."""

    def __init__(self, file: Any, bucket: Bucket) -> None:
        super().__init__()
        self.file, self.bucket = file, bucket

    def write(self, data: Any) -> int:
        """Write all."""
        self.bucket.take(len(data))
        return int(self.file.write(data))

    def flush(self) -> None:
        """Hand on what is buffered."""
        self.file.flush()


@contextmanager
def distributed_async(job: Job, folder: Path, rate: float | None) -> Iterator[Way]:
    """Give torch's own `async_save` with the stager that copies in a thread of its own, waited for before an update."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions

    if rate is not None:
        raise ValueError("torch's own writer cannot be held to a rate")
    stager = DefaultStager(
        StagingOptions(
            use_pinned_memory=False, use_shared_memory=False, use_async_staging=True, use_non_blocking_copy=False
        )
    )
    under_way: list[Any] = []

    def finish() -> None:
        while under_way:
            under_way.pop().upload_completion.result()

    def save(state: dict[str, Any], version: int) -> None:
        finish()
        writer = dcp.FileSystemWriter(folder / str(version), sync_files=True, thread_count=1)
        under_way.append(dcp.async_save(state, storage_writer=writer, async_stager=stager, no_dist=True))

    def barrier() -> None:
        for one in under_way:
            one.staging_completion.result()

    def read(state: dict[str, Any], version: int) -> None:
        dcp.load(state, checkpoint_id=folder / str(version), no_dist=True)

    yield Way(save, barrier, finish, read)
    stager.close()


WAYS: dict[str, Callable[[Job, Path, float | None], Any]] = {
    "torch.save": torch_save,
    "raw": lambda job, folder, rate: ours(job, folder, rate, "raw"),
    "snapshot": lambda job, folder, rate: ours(job, folder, rate, "snapshot"),
    "async_save": distributed_async,
    "lazy": lambda job, folder, rate: ours(job, folder, rate, "lazy"),
}


def measure(job: Job, way: str, checkpoints: int, rate: float | None = None) -> Measured:
    """Return what so many checkpoints take, each followed by a step; a first one, untimed, warms up.

    Training computes in one thread, so that another core is left for what runs in the background.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, WAYS[way](job, Path(name) / "run", rate) as made:
        made.save(job.state(), 0)
        made.barrier()
        made.finish()
        stalls, steps = [], []
        begin, spent = time.perf_counter(), time.process_time()
        for version in range(1, checkpoints + 1):
            waited = [0.0]
            _timed(waited, partial(made.save, job.state(), version))
            start, before = time.perf_counter(), waited[0]
            job.step(partial(_timed, waited, made.barrier))
            steps.append(time.perf_counter() - start - (waited[0] - before))
            stalls.append(waited[0])
        made.finish()
        total, cpu = time.perf_counter() - begin, time.process_time() - spent
        return Measured(tuple(stalls), total, statistics.median(steps), cpu, _right(job, made, checkpoints + 1))


def _timed(waited: list[float], call: Callable[[], None]) -> None:
    start = time.perf_counter()
    call()
    waited[0] += time.perf_counter() - start


def _right(job: Job, made: Way, version: int) -> bool:
    """Save the state once more and read it back into a twin."""
    made.save(job.state(), version)
    made.barrier()
    made.finish()
    twin = Job(job.megabytes, 0.0)
    state = twin.state()
    made.read(state, version)
    return same(state, job.state())


def table(megabytes: float, least: float, count: int, rate: float | None = None) -> str:
    """Return stalls and times of all ways as a Markdown table; under a rate without torch's own."""
    job = Job(megabytes, least)
    lines = [
        f"| {job.bytes / 1e6:.0f} MB every {least:g} s | stall p50, ms | worst | all, s | CPU s | read back |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for way in WAYS:
        if rate is None or way != "async_save":
            found = measure(job, way, count, rate)
            middle, worst = 1e3 * statistics.median(found.stalls), 1e3 * max(found.stalls)
            right = "equal" if found.right else "DIFFERENT"
            lines.append(f"| {way} | {middle:.1f} | {worst:.1f} | {found.total:.1f} | {found.cpu:.1f} | {right} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    numbers = [float(word) for word in sys.argv[1:]]
    print(table(numbers[0] if numbers else 96.0, 1.0, 6, rate=numbers[1] * 1e6 if len(numbers) > 1 else None))


if __name__ == "__main__":
    main()
