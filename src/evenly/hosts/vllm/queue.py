"""vLLM's queue of waiting requests, in the order of a policy."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vllm.v1.core.sched.request_queue import RequestQueue
from vllm.v1.request import Request

from evenly.hosts.vllm.table import Table

Rank = Callable[[Request, int], float]
"(request, how many joined the queue before; 0: it is asked again) -> rank"


class PolicyQueue(RequestQueue):
    """A heap by rank, arrival and number; what an admission holds back makes it look empty.

    `table` counts who waits, `rank` gives the place of a request, again at the head where the order counts by user or
    program. `front` tells whether preempted requests go before all others, `start` is told who gets a seat, and `holds`
    tells whether the head must wait although it may fit.
    """

    def __init__(
        self,
        table: Table,
        rank: Rank,
        front: bool,
        start: Callable[[Request], None],
        holds: Callable[[Request], bool] | None,
    ) -> None:
        self._heap: list[tuple[float, float, int, Any]] = []
        self._table, self._rank, self._front, self._start, self._holds = table, rank, front, start, holds
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
            self._table.stop(request.evenly, request.num_output_tokens)
            self._push(request, self._ranks.pop(request.request_id))

    def peek_request(self) -> Request:
        """Return the head."""
        if not self._heap:
            raise IndexError("peek from an empty queue")
        while self._table.counts:
            rank, arrival, number, request = self._heap[0]
            fresh = self._rank(request, 0)
            if not fresh > rank:
                break
            heapq.heapreplace(self._heap, (fresh, arrival, number, request))
        return self._heap[0][3]

    def pop_request(self) -> Request:
        """Take the head out: it gets a seat."""
        if not self._heap:
            raise IndexError("pop from an empty queue")
        rank, _, _, request = heapq.heappop(self._heap)
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
        for *_, request in self._heap:
            if request.request_id in gone:
                self._table.unwait(request.evenly)
        self._heap = [item for item in self._heap if item[3].request_id not in gone]
        heapq.heapify(self._heap)

    def end_pass(self) -> None:
        """Forget the ranks of those that started."""
        self._ranks.clear()

    def __bool__(self) -> bool:
        return bool(self._heap) and (self._holds is None or not self._holds(self.peek_request()))

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Request]:
        return iter([item[3] for item in sorted(self._heap, key=lambda item: item[:3])])

    def _push(self, request: Any, rank: float) -> None:
        self._table.wait(request.evenly)
        heapq.heappush(self._heap, (rank, request.arrival_time, request.evenly.number, request))
