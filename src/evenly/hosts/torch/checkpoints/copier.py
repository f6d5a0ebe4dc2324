"""The thread that copies states into the buffer, chunk by chunk, while training goes on."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch

from evenly.hosts.torch.checkpoints.layout import Chunk
from evenly.hosts.torch.checkpoints.ring import Region, Ring
from evenly.hosts.torch.checkpoints.saving import Saving

Trace = Callable[[str, int], None]
Copied = tuple[Saving, Chunk, Region] | Saving | None
"""A chunk in the buffer; or the end of a checkpoint; or the end of all."""


class Copier:
    """Copies one state after the other; each chunk is handed on as soon as it is there."""

    def __init__(self, ring: Ring, out: "SimpleQueue[Copied]", trace: Trace) -> None:
        self.ring = ring
        self.out = out
        self.trace = trace
        self.jobs: SimpleQueue[tuple[Saving, Any] | None] = SimpleQueue()
        self._stream: Any = None
        self._thread = Thread(target=self._run, name="checkpoint copier", daemon=True)
        self._thread.start()

    def send(self, saving: Saving) -> None:
        """Begin with the copy of a state; on a device, when what is queued there before is done."""
        device = next((t.device for t in saving.sources.values() if t.device.type != "cpu"), None)
        event = None
        if device is not None:
            event = torch.get_device_module(device).Event()
            event.record()
        self.jobs.put((saving, event))

    def close(self) -> None:
        """Copy what was asked for, and end."""
        self.jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            saving, event = job
            try:
                if event is not None:
                    self._on_device(saving, event)
                else:
                    self._copy(saving)
            except BaseException as error:  # the training thread hears of it
                saving.fail(error)
            saving.staged()
            self.out.put(saving)
        self.out.put(None)

    def _on_device(self, saving: Saving, event: Any) -> None:
        """Copy in a stream of its own, beside that of training."""
        device = next(t.device for t in saving.sources.values() if t.device.type != "cpu")
        module = torch.get_device_module(device)
        self._stream = self._stream or module.Stream(device)
        with module.stream(self._stream):
            self._stream.wait_event(event)
            self._copy(saving)

    def _copy(self, saving: Saving) -> None:
        flat: dict[str, torch.Tensor] = {}
        for chunk in saving.made.chunks:
            if saving.error is not None:  # storage refused what came before
                return
            region = self.ring.take(chunk.size)
            try:
                for piece in chunk.pieces:
                    if piece.name not in flat:
                        flat = {piece.name: _flat(saving.sources[piece.name])}
                    self._move(flat[piece.name][piece.first : piece.last], region.offset + piece.at, piece.size)
                if self._stream is not None:
                    self._stream.synchronize()
            except BaseException:
                self.ring.free(region)
                raise
            self.out.put((saving, chunk, region))
            saving.copied()
            self.trace("copied", saving.version)

    def _move(self, source: torch.Tensor, at: int, size: int) -> None:
        """Copy elements to a place in the buffer; memory to memory in numpy, which leaves training its threads."""
        if source.device.type == "cpu":
            self.ring.array[at : at + size] = source.view(torch.uint8).numpy()
        else:
            self.ring.bytes[at : at + size].view(source.dtype).copy_(source, non_blocking=True)


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """Return the elements in a row: the tensor's own memory if they lie there in a row, else a copy."""
    flat = tensor.detach().resolve_conj().resolve_neg().reshape(-1)
    return flat if flat.stride(0) == 1 else flat.clone(memory_format=torch.contiguous_format)
