"""The thread that writes chunks to storage as they come, and commits a version when all ranks have theirs."""

import os
import sys
import zlib
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from evenly.hosts.torch.checkpoints import folder as versions
from evenly.hosts.torch.checkpoints.agreement import Agreement
from evenly.hosts.torch.checkpoints.bucket import Bucket
from evenly.hosts.torch.checkpoints.copier import Copied, Trace
from evenly.hosts.torch.checkpoints.errors import CheckpointError
from evenly.hosts.torch.checkpoints.folder import Part
from evenly.hosts.torch.checkpoints.ring import Ring
from evenly.hosts.torch.checkpoints.saving import Saving


class Writer:
    """Writes one checkpoint after the other; a failure ends that checkpoint, on all ranks, and nothing else."""

    def __init__(self, folder: Path, keep: int, ring: Ring, agreed: Agreement, bucket: Bucket, trace: Trace) -> None:
        self.folder = folder
        self.keep = keep
        self.ring = ring
        self.agreed = agreed
        self.bucket = bucket
        self.trace = trace
        self.jobs: SimpleQueue[Copied] = SimpleQueue()
        self._open: _Open | None = None
        self._thread = Thread(target=self._run, name="checkpoint writer", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the copier has ended and all is written."""
        self._thread.join()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            if isinstance(job, Saving):
                self._end(job)
                continue
            saving, chunk, region = job
            try:
                if saving.error is None:
                    self._put(saving, memoryview(self.ring.array)[region.offset : region.offset + chunk.size])
            except BaseException as error:
                saving.fail(error)
            self.ring.free(region)

    def _put(self, saving: Saving, data: memoryview) -> None:
        if self._open is None:
            self._open = _Open(versions.home(self.folder, saving.version) / versions.part_name(self.agreed.rank))
            self._open.put(memoryview(saving.head))
        self.bucket.take(len(data))
        self._open.put(data)
        self.trace("written", saving.version)

    def _end(self, saving: Saving) -> None:
        """Finish the file, hear whether all ranks did, and commit."""
        size = crc = 0
        try:
            if saving.error is None:
                size, crc = self._finish(saving)
        except BaseException as error:
            saving.fail(error)
        self._drop()
        try:
            self._commit(saving, size, crc)
        except BaseException as error:
            saving.fail(error)
        saving.end()

    def _finish(self, saving: Saving) -> tuple[int, int]:
        """Have the file on storage under its name; return size and checksum."""
        if self._open is None:  # a state without tensors has no chunks
            self._put(saving, memoryview(b""))
        assert self._open is not None
        self.trace("before fsync", saving.version)
        os.fsync(self._open.handle)
        self.trace("before rename", saving.version)
        self._open.close()
        self._open.incomplete.rename(self._open.path)
        versions.settle(self._open.path.parent)
        return self._open.size, self._open.crc

    def _drop(self) -> None:
        """Close what is open; remove it if it never got its name."""
        made, self._open = self._open, None
        if made is not None:
            made.close()
            made.incomplete.unlink(missing_ok=True)

    def _commit(self, saving: Saving, size: int, crc: int) -> None:
        heard = self.agreed.gather([saving.error is None, size, crc])
        failed = [rank for rank, (ok, *_) in enumerate(heard) if not ok]
        committed = False
        if not failed and self.agreed.rank == 0:
            self.trace("before manifest", saving.version)
            try:
                parts = [Part(versions.part_name(rank), *told) for rank, (_, *told) in enumerate(heard)]
                versions.commit(self.folder, saving.version, parts)
                committed = True
            except BaseException as error:
                saving.fail(error)
        if committed:
            self._prune(saving)
        if not any(committed for (committed,) in self.agreed.gather([committed])) and saving.error is None:
            who = ", ".join(map(str, failed)) or "0"
            raise CheckpointError(f"version {saving.version} failed on rank {who}; what it raised says why")
        self.trace("committed", saving.version)

    def _prune(self, saving: Saving) -> None:
        """Remove old versions; what cannot be removed, since others read it for instance, is tried again next time."""
        try:
            versions.prune(self.folder, self.keep, saving.version)
        except OSError as error:
            saving.left = error


class _Open:
    """A file that grows, under a name that says so."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.incomplete = path.with_name(f"{path.name}.incomplete")
        (path.parent / versions.MANIFEST).unlink(missing_ok=True)  # of another run's version with this number
        self.handle = os.open(self.incomplete, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.size = self.crc = 0
        self._closed = False

    def put(self, data: memoryview) -> None:
        """Append bytes, all of them; the checksum grows with them."""
        done = 0
        while done < len(data):
            done += os.write(self.handle, data[done:])
        if sys.platform == "linux":  # begin to flush now, so that little is left to wait for at the end
            os.posix_fadvise(self.handle, self.size, len(data), os.POSIX_FADV_DONTNEED)
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if not self._closed:
            self._closed = True
            os.close(self.handle)
