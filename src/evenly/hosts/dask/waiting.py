"""Dask's set of queued tasks, in the order of a queue."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evenly.balance.line import Line
from evenly.hosts.dask.jobs import Part


class Waiting:
    """Tasks in the state `queued`, with what Dask's scheduler asks of the `HeapSet` that they replace.

    `tasks` are the scheduler's, `parts` those of unfinished tasks, by key. Where the line cannot go on, `give_back` is
    told why, and returns Dask's own set, with all that waited.
    """

    def __init__(
        self,
        line: Line[Any],
        tasks: Mapping[Any, Any],
        parts: Mapping[Any, Part],
        give_back: Callable[[Exception | None], Any],
    ) -> None:
        self.line, self._tasks, self._parts, self.give_back = line, tasks, parts, give_back
        self.discard = line.discard
        "Let a task wait no more."

    def __len__(self) -> int:
        return len(self.line)

    def __contains__(self, task: object) -> bool:
        return task in self.line

    def __iter__(self) -> Iterator[Any]:
        """Return the tasks in no order: that needs no turns; skip those forgotten since the plug-in was removed."""
        found = map(self._tasks.get, self._parts)
        return (ts for ts in found if ts is not None and ts in self.line)

    def add(self, value: Any) -> None:
        """Let a task wait."""
        try:
            self.line.add(self._parts[value.key].job.stage, (value,))
        except Exception as error:
            self.give_back(error).add(value)

    def remove(self, value: Any) -> None:
        """Let a task that waits do so no more; raise `KeyError` if it does not."""
        if not self.line.discard(value):
            raise KeyError(value)

    def peek(self) -> Any:
        """Return the task whose turn it is."""
        try:
            return self.line.peek()[1]
        except Exception as error:
            if not self.line:
                raise KeyError("peek into empty set") from None
            return self.give_back(error).peek()
