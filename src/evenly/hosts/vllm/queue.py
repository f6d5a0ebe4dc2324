"""vLLM's queue of waiting requests, in the order of a policy."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from vllm.v1.core.sched.request_queue import RequestQueue
from vllm.v1.request import Request

from evenly.core import Array
from evenly.hosts.vllm.table import ROWS, Table
from evenly.kernel.serving import waiting

Rank = Callable[[Request, int], float]
"(request, how many joined the queue before; 0: it is asked again) -> rank"
Freshen = Callable[[Array, int], None]
"(heap, how many are in it) -> ask for the rank of the first again until it is one whose rank did not grow"


class PolicyQueue(RequestQueue):
    """A heap by rank, arrival and number; what an admission holds back makes it look empty.

    `table` counts who waits, `rank` gives the place of a request, again at the head where the order counts by user or
    program: then `freshen` brings the right one there. `front` tells whether preempted requests go before all others,
    `start` is told who gets a seat, and `holds` tells whether the head must wait although it may fit.
    """

    def __init__(
        self,
        table: Table,
        rank: Rank,
        freshen: Freshen,
        front: bool,
        start: Callable[[Request], None],
        holds: Callable[[Request], bool] | None,
    ) -> None:
        self._items: Array = np.zeros(ROWS, waiting.ITEM)
        self._rows: Array = self._items["row"]  # a view: to look it up by name for every head costs more than the head
        self._requests: dict[int, Any] = {}  # by their row
        self._table, self._rank, self._freshen, self._front = table, rank, freshen, front
        self._start, self._holds = start, holds
        self._sequence = 0
        self._ranks: dict[str, float] = {}  # of those just taken out, should they come back

    def add_request(self, request: Request) -> None:
        """Let a new request join."""
        self._sequence += 1
        self._push(request, self._rank(request, self._sequence))

    def prepend_request(self, request: Request) -> None:
        """Let a preempted request come back: to the front, or to the place of its rank."""
        self._sequence += 1
        rank = float(-self._sequence) if self._front else self._rank(request, self._sequence)
        self._push(request, rank)

    def prepend_requests(self, requests: Iterable[Any]) -> None:
        """Put back requests that were taken out but could not start, where they were."""
        for request in requests:
            self._table.stop(request)
            self._push(request, self._ranks.pop(request.request_id))

    def peek_request(self) -> Request:
        """Return the head."""
        if not self._requests:
            raise IndexError("peek from an empty queue")
        if self._table.counts:
            self._freshen(self._items, len(self._requests))
        return self._requests[self._rows[0]]

    def pop_request(self) -> Request:
        """Take the head out: it gets a seat."""
        if not self._requests:
            raise IndexError("pop from an empty queue")
        rank, row = waiting.pop(self._items, len(self._requests))
        request = self._requests.pop(row)
        self._ranks[request.request_id] = rank
        self._table.unwait(request.evenly)
        self._start(request)
        return request

    def remove_request(self, request: Request) -> None:
        """Take one request out."""
        self.remove_requests([request])

    def remove_requests(self, requests: Iterable[Request]) -> None:
        """Take requests out that were aborted."""
        gone = {request.request_id for request in requests}
        rows = [row for row, request in self._requests.items() if request.request_id in gone]
        items = self._sorted()
        for row in rows:
            self._table.unwait(self._requests.pop(row).evenly)
        left = items[~np.isin(items["row"], rows)]
        self._items[: len(left)] = left  # what is sorted is a heap

    def end_pass(self) -> None:
        """Forget the ranks of those that started."""
        self._ranks.clear()

    def __bool__(self) -> bool:
        return bool(self._requests) and (self._holds is None or not self._holds(self.peek_request()))

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter([self._requests[row] for row in self._sorted()["row"]])

    def _sorted(self) -> Array:
        return np.sort(self._items[: len(self._requests)], order=("rank", "arrival", "number"))

    def _push(self, request: Any, rank: float) -> None:
        entry, count = request.evenly, len(self._requests)
        self._table.wait(entry)
        if count == len(self._items):
            self._items = np.concatenate((self._items, np.zeros(count, waiting.ITEM)))
            self._rows = self._items["row"]
        waiting.push(self._items, count, rank, request.arrival_time, entry.number, entry.row)
        self._requests[entry.row] = request
