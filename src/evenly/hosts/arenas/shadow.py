"""An examiner of the copying threads: it keeps its own books, page by page, and counts what came too early."""

from threading import Lock

from evenly.core import Ints
from evenly.hosts.arenas.copier import DEVICE, HOST, Task


def _set(runs: Ints) -> set[int]:
    return {page for first, pages in runs.tolist() for page in range(first, first + pages)}


class Shadow:
    """Which copies are not complete, and how often one of their pages was used nevertheless.

    A copy is unfinished until its thread has copied the last page. What touches one of its pages later and does not
    wait is early: the page would be lost before it left, or read before it came.
    """

    def __init__(self) -> None:
        self.early = 0
        "Copies that began, and computations that used a page, while an earlier copy of it was unfinished."
        self.copies = 0
        "Copies that ended."
        self.runs = 0
        "Runs that they copied."
        self.pages = 0
        "Pages that they copied."
        self._unfinished: dict[Task, tuple[set[int], set[int]]] = {}
        self._lock = Lock()

    def asked(self, task: Task) -> None:
        """Take note of a copy to come."""
        with self._lock:
            self._unfinished[task] = (_set(task.runs(DEVICE)), _set(task.runs(HOST)))

    def began(self, task: Task) -> None:
        """Count a copy that begins before one that was asked for earlier and shares a page with it is complete."""
        with self._lock:
            mine = self._unfinished[task]
            self.early += any(
                other.number < task.number and (mine[DEVICE] & theirs[DEVICE] or mine[HOST] & theirs[HOST])
                for other, theirs in self._unfinished.items()
            )

    def ended(self, task: Task) -> None:
        """Take note that a copy is complete."""
        with self._lock:
            del self._unfinished[task]
            self.copies += 1
            self.runs += len(task.moves)
            self.pages += int(task.moves[:, 2].sum())

    def computed(self, pages: Ints) -> None:
        """Count a computation that reads or writes device pages of an unfinished copy."""
        with self._lock:
            mine = set(pages.tolist())
            self.early += any(mine & theirs[DEVICE] for theirs in self._unfinished.values())
