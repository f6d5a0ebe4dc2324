"""What was known of those who have left lately."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")
REMEMBERED = 10_000


class Recent(Generic[V]):
    """A value for each of the last 10,000 that left, for those of them who come back.

    >>> jobs = Recent[int]()
    >>> jobs.keep("a", 7)
    >>> jobs.take("a", 0), jobs.take("a", 0)
    (7, 0)
    """

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._values)

    def keep(self, name: Hashable, value: V) -> None:
        """Remember a value of one who leaves."""
        self._values[name] = value
        self._values.move_to_end(name)
        if len(self._values) > REMEMBERED:
            self._values.popitem(last=False)

    def take(self, name: Hashable, otherwise: V) -> V:
        """Return the value of one who comes back, and forget it."""
        return self._values.pop(name, otherwise)
