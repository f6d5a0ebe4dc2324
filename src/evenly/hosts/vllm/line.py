"""vLLM's list of running requests, where the victim is whom the policy scores highest."""

from collections.abc import Callable, Iterable, Iterator

from vllm.v1.request import Request


class Line(list[Request]):
    """The running requests in their order.

    Under its priority policy vLLM preempts the request of largest (priority, arrival). Whoever goes through this list
    finds the policy's scores as priorities.
    """

    def __init__(self, requests: Iterable[Request], score: Callable[[Request], float]) -> None:
        super().__init__(requests)
        self.score = score

    def __iter__(self) -> Iterator[Request]:
        for request in super().__iter__():
            request.priority = self.score(request)
        return super().__iter__()
