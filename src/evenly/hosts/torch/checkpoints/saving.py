"""A checkpoint under way."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from threading import Condition

import torch

from evenly.hosts.torch.checkpoints.layout import Layout


class Saving:
    """What `async_save` returns: two futures, named as torch's distributed checkpoints name them.

    `staging_completion` is done when the state is copied, so that anything may change it; `upload_completion` when the
    checkpoint is on storage and complete on all ranks. Both give the version, or raise what went wrong.
    """

    def __init__(self, version: int, made: Layout, head: bytes, sources: dict[str, torch.Tensor]) -> None:
        self.version = version
        self.made = made
        self.head = head
        self.sources = sources
        self.staging_completion: Future[int] = Future()
        self.upload_completion: Future[int] = Future()
        self.error: BaseException | None = None
        self.left: OSError | None = None  # why older versions are still there
        self.needed = _needed(made.last, sources)
        self._copied = 0
        self._changed = Condition()

    def result(self, timeout: float | None = None) -> int:
        """Wait until the checkpoint is complete; return its version, or raise what went wrong."""
        return self.upload_completion.result(timeout)

    def wait(self, storages: Iterable[int] | None = None) -> None:
        """Wait until these memories are copied, by default all; a checkpoint that failed holds nobody up."""
        every = len(self.made.chunks)
        least = every if storages is None else max((self.needed.get(key, 0) for key in storages), default=0)
        with self._changed:
            self._changed.wait_for(lambda: self._copied >= least)

    def copied(self) -> None:
        """Note that one more chunk is copied."""
        with self._changed:
            self._copied += 1
            self._changed.notify_all()

    def staged(self) -> None:
        """Note that the state may change; the copier no longer looks at it."""
        self.sources.clear()
        with self._changed:
            self._copied = len(self.made.chunks)
            self._changed.notify_all()
        if self.error is None:
            self.staging_completion.set_result(self.version)
        else:
            self.staging_completion.set_exception(self.error)

    def fail(self, error: BaseException) -> None:
        """Note the first thing that went wrong."""
        self.error = self.error or error

    def end(self) -> None:
        """Note that nothing more will happen."""
        if self.error is None:
            self.upload_completion.set_result(self.version)
        else:
            self.upload_completion.set_exception(self.error)


def storage_of(tensor: torch.Tensor) -> int:
    """Return what tells the memory of a tensor from others."""
    return int(tensor.untyped_storage().data_ptr())


def _needed(last: Mapping[str, int], sources: Mapping[str, torch.Tensor]) -> dict[int, int]:
    """Return by memory the number of chunks after which all of it is copied."""
    found: dict[int, int] = {}
    for name, tensor in sources.items():
        key = storage_of(tensor)
        found[key] = max(found.get(key, 0), last[name])
    return found
