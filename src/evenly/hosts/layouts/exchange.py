"""What two workers say to each other: meetings, sums, and rows that are handed over, through shared memory.

A meeting also sets their clocks. A worker's clock counts its processor time, and who comes to a meeting first waits for
the other: both clocks then show the later of both. So a clock tells what would have elapsed on two cores with nothing
else to do, whatever runs beside; what it leaves out is how long it takes a worker to see that the other one is there.
"""

import time
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.hosts.decoder import Reals
from evenly.hosts.layouts.network import WORKERS

SPINS = 1000  # looks for the other worker before this one sleeps: some tenths of a millisecond
PATIENCE = 60.0  # seconds after which it is given up


class Exchange:
    """One worker's end of the memory that both share.

    Every exchange ends with a meeting. Memory is used in turns of two: what was written before a meeting is overwritten
    after the next one at the earliest, when the other worker has read it.
    """

    def __init__(self, memory: SharedMemory, gates: tuple[Any, Any], worker: int, rows: int, width: int) -> None:
        self.worker, self.turn = worker, 0
        self.elapsed = False
        self._zero, self._since = 0.0, time.thread_time()
        self.here, self.there = gates[worker], gates[1 - worker]
        self.sums: Reals = np.ndarray((2, WORKERS, rows, width), np.float32, memory.buf)
        self.notes: Floats = np.ndarray((2, WORKERS, rows, 2), np.float64, memory.buf, self.sums.nbytes)
        after = self.sums.nbytes + self.notes.nbytes
        self.clocks: Floats = np.ndarray((2, WORKERS), np.float64, memory.buf, after)

    @staticmethod
    def size(rows: int, width: int) -> int:
        """Return the bytes for exchanges of at most `rows` rows of `width` numbers."""
        return 2 * WORKERS * (rows * (4 * width + 8 * 2) + 8)

    def now(self) -> float:
        """Return the seconds that this worker's clock shows."""
        return time.perf_counter() if self.elapsed else self._zero + time.thread_time() - self._since

    def meet(self) -> None:
        """Wait until the other worker is here too; raise `RuntimeError` if it does not come."""
        self.clocks[self.turn, self.worker] = self.now()
        self.here.release()
        for _ in range(SPINS):
            if self.there.acquire(False):
                break
        else:
            if not self.there.acquire(True, PATIENCE):
                raise RuntimeError(f"the other worker did not come within {PATIENCE:g} s")
        self._zero, self._since = float(self.clocks[self.turn].max()), time.thread_time()
        self.turn ^= 1

    def reduce(self, mine: Reals) -> Reals:
        """Return the sum of both workers' rows, the same bit for bit on both sides."""
        slot = self.sums[self.turn, :, : len(mine)]
        slot[self.worker] = mine
        self.meet()
        return np.asarray(slot[0] + slot[1])

    def best(self, scores: Reals, first: int) -> Ints:
        """Return the likeliest token of each row; this worker has the scores of tokens from `first` on."""
        slot = self.notes[self.turn, :, : len(scores)]
        places = scores.argmax(axis=1)
        slot[self.worker, :, 0] = scores[np.arange(len(scores)), places]
        slot[self.worker, :, 1] = first + places
        self.meet()
        return np.where(slot[0, :, 0] >= slot[1, :, 0], slot[0, :, 1], slot[1, :, 1]).astype(np.int64)

    def put(self, rows: Reals) -> None:
        """Lay down activations for the other worker to find after the next meeting."""
        self.sums[self.turn, self.worker, : len(rows)] = rows

    def found(self, count: int) -> Reals:
        """Return the first rows that the other worker laid down before the last meeting."""
        return self.sums[1 - self.turn, 1 - self.worker, :count].copy()

    def tell(self, tokens: Ints) -> None:
        """Lay down tokens likewise."""
        self.notes[self.turn, self.worker, : len(tokens), 1] = tokens

    def told(self, count: int) -> Ints:
        """Return the tokens that the other worker laid down before the last meeting."""
        return self.notes[1 - self.turn, 1 - self.worker, :count, 1].astype(np.int64)

    def close(self) -> None:
        """Let go of the memory."""
        del self.sums, self.notes, self.clocks
