"""Checkpoints of a run in a folder: `save`, `async_save` and `load`, as torch's distributed checkpoints call them."""

import atexit
import operator
import warnings
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from evenly.hosts.torch.checkpoints import folder as versions
from evenly.hosts.torch.checkpoints import lean, restore
from evenly.hosts.torch.checkpoints.agreement import agreement
from evenly.hosts.torch.checkpoints.bucket import Bucket
from evenly.hosts.torch.checkpoints.copier import Copier, Trace
from evenly.hosts.torch.checkpoints.errors import CheckpointError
from evenly.hosts.torch.checkpoints.file import head
from evenly.hosts.torch.checkpoints.layout import Layout, layout
from evenly.hosts.torch.checkpoints.ring import ALIGN, Ring
from evenly.hosts.torch.checkpoints.saving import Saving, storage_of
from evenly.hosts.torch.checkpoints.sharded import Sharded, local
from evenly.hosts.torch.checkpoints.state import states
from evenly.hosts.torch.checkpoints.writer import Writer

CHUNK = 4 << 20  # bytes that are copied and written at a time
BUFFER = 1 << 30  # bytes of the buffer by default


def silent(point: str, version: int) -> None:
    """Say nothing."""


class Checkpoints:
    """Saves states of a run while it goes on, and finds the newest one that is whole.

    What a guarded optimizer updates is copied while forward and backward run, and its next step waits for the copy.
    Everything else in a state is copied before `async_save` returns. All ranks of a job make one together and see one
    folder; each saves its own state, and a version is there when every rank's is.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        guard: Iterable[torch.optim.Optimizer] | torch.optim.Optimizer = (),
        keep: int = 2,
        buffer: int = BUFFER,
        rate: float | None = None,
        trace: Trace = silent,
    ) -> None:
        """Open a folder, which is made if needed.

        `guard` are the optimizers whose steps wait; `keep` versions stay; `buffer` is bytes of host memory, allocated
        now and used by all checkpoints; `rate` is the most bytes a second that go to storage, by default no limit;
        `trace` is told of points that a version passes, in the threads that pass them. Raises `ValueError` for values
        that make no sense.
        """
        if keep < 1:
            raise ValueError(f"keep is at least 1 version, not {keep}")
        self.folder = Path(folder)
        self._optimizers = [guard] if isinstance(guard, torch.optim.Optimizer) else list(guard)
        self._hooks = [one.register_step_pre_hook(self._before_step) for one in self._optimizers]
        self._ring = Ring(buffer, pinned=torch.accelerator.is_available())
        self._chunk = max(ALIGN, min(CHUNK, self._ring.size // 4 // ALIGN * ALIGN))
        self._agreed = agreement()
        self._writer = Writer(self.folder, keep, self._ring, self._agreed, Bucket(rate), trace)
        self._copier = Copier(self._ring, self._writer.jobs, trace)
        self._under_way: list[Saving] = []
        self._version = -1  # the newest that was saved or loaded here
        self._layout: tuple[Any, Layout] | None = None
        self._closed = False
        atexit.register(self.close)

    def async_save(self, state: Mapping[str, Any], version: int) -> Saving:
        """Begin to save a state; return what tells when it is copied, and when it is there.

        Values are tensors, numbers, text, lists, tuples, dicts, or objects with `state_dict`; `version` grows, the
        number of the step for instance. If an earlier checkpoint failed, a warning says so. Raises `ValueError` for a
        value that cannot be saved.
        """
        version = self._check(version)
        self._settle()
        self.wait()
        told, found = lean.pack(states(state))
        shards = {name: entry for name, entry in found.items() if isinstance(entry, Sharded)}
        tensors = {name: entry.local if isinstance(entry, Sharded) else entry for name, entry in found.items()}
        made = self._laid_out(tensors)
        owned = {key for one in self._optimizers for key in _storages(one)}
        sources = {name: tensor if storage_of(tensor) in owned else _copy(tensor) for name, tensor in tensors.items()}
        saving = Saving(version, made, head(made, told, shards), sources)
        self._version = version
        self._under_way.append(saving)
        self._copier.send(saving)
        return saving

    def save(self, state: Mapping[str, Any], version: int) -> None:
        """Save a state and wait until it is there on all ranks; raise what went wrong with it.

        If an earlier checkpoint failed, a warning says so.
        """
        saving = self.async_save(state, version)
        if saving.upload_completion.exception() is not None:
            self._under_way.remove(saving)  # raised below, so no warning
        self._settle()
        saving.result()

    def load(self, state: MutableMapping[str, Any], version: int | None = None) -> int | None:
        """Fill a state from a version, by default the newest that is whole; return its number, `None` without any.

        Objects with `load_state_dict` get their part, tensors are copied into, blocks of `Sharded` tensors are put
        together from whatever blocks were saved, and other values are replaced. What a rank did not save it gets from
        rank 0. Waits for what is being saved; if that failed, a warning says so. Raises `CheckpointError` if versions
        are there and none is whole, saying what is wrong with each.
        """
        for saving in self._under_way:
            saving.upload_completion.exception()
        self._settle()
        newest = restore.newest(self.folder, self._agreed, version)
        if newest is None:
            return None
        found, files = newest
        restore.fill(state, files, found, self._agreed.rank)
        self._version = found
        return found

    def wait(self) -> None:
        """Wait until everything that was asked for is copied: anything may change now."""
        for saving in self._under_way:
            saving.wait()

    def drain(self) -> None:
        """Wait until everything that was asked for is there; raise the first thing that went wrong."""
        under_way, self._under_way = self._under_way, []
        errors = [error for saving in under_way if (error := saving.upload_completion.exception()) is not None]
        if errors:
            raise errors[0]

    def unguard(self) -> None:
        """Let the optimizers no longer wait: from now on the caller does, before anything that was saved changes."""
        for hook in self._hooks:
            hook.remove()

    def close(self) -> None:
        """Finish what is under way and end the threads; failures that nobody asked about are warned of."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.unguard()
        self._copier.close()
        self._writer.join()
        self._settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """Wait for the copies of what an optimizer is about to change."""
        if any(not saving.staging_completion.done() for saving in self._under_way):
            storages = list(_storages(optimizer))
            for saving in self._under_way:
                saving.wait(storages)

    def _check(self, version: int) -> int:
        """Return a version that may be saved, as a plain number."""
        if self._closed:
            raise ValueError("these checkpoints are closed")
        try:
            version = operator.index(version)
        except TypeError:
            raise ValueError(f"a version is a whole number, not {version!r}") from None
        if not 0 <= version <= versions.MOST:
            raise ValueError(f"a version is 0 to {versions.MOST}, not {version}")
        if version <= self._version:
            raise ValueError(f"versions grow: {version} comes after {self._version}")
        there = versions.versions(self.folder) if self._version < 0 else []
        if there and there[0] >= version:
            raise ValueError(
                f"{self.folder} has version {there[0]} of an earlier run; load it first, or take another folder"
            )
        return version

    def _settle(self) -> None:
        """Forget what has ended; warn of what failed."""
        ended = [saving for saving in self._under_way if saving.upload_completion.done()]
        self._under_way = [saving for saving in self._under_way if saving not in ended]
        for saving in ended:
            if saving.error is not None:
                message = f"version {saving.version} was not saved: {saving.error}"
                warnings.warn(message, RuntimeWarning, stacklevel=3)
            elif saving.left is not None:
                message = f"version {saving.version} was saved, but older ones could not be removed: {saving.left}"
                warnings.warn(message, RuntimeWarning, stacklevel=3)

    def _laid_out(self, tensors: Mapping[str, torch.Tensor]) -> Layout:
        """Return the layout, that of the last checkpoint if it had the same tensors."""
        key = [(name, tensor.dtype, tensor.shape) for name, tensor in tensors.items()]
        if self._layout is None or self._layout[0] != key:
            self._layout = (key, layout(tensors, self._chunk))
        return self._layout[1]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy on the host that nobody else changes."""
    return tensor.detach().to("cpu", copy=True)


def _storages(optimizer: torch.optim.Optimizer) -> Iterable[int]:
    """Return the memories that a step of an optimizer changes: parameters and their state."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            yield storage_of(local(parameter))
            for value in optimizer.state.get(parameter, {}).values():
                if isinstance(value, torch.Tensor):
                    yield storage_of(local(value))


__all__ = ["CheckpointError", "Checkpoints", "Saving"]
