"""A pool: devices of one kind beside those of another."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Floats, Ints
from evenly.plan.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Devices of one kind with copies of the model of their own, and what they get of the requests."""

    device: str
    "Name of an accelerator."
    layout: Layout = field(default_factory=Layout)
    "How the model is cut over them."
    node: int = 8
    "Devices of one machine."
    share: float | None = None
    "Share of all requests that they get, above 0 and below 1; by default the router chooses among all devices."
    price: float = 1.0
    "Price of one of them for an hour."

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"share is above 0 and below 1 of the requests, not {self.share}")

    @property
    def title(self) -> str:
        """Return the devices and their layout as people write them.

        >>> Pool(device="l40s", layout=Layout(tensor=4), share=0.25).title
        '4 x l40s 4TP (25%)'
        """
        share = "" if self.share is None else f" ({self.share:.0%})"
        return f"{self.layout.devices} x {self.device} {self.layout.title}{share}"


def deal(count: int, shares: Floats) -> Ints:
    """Return which pool gets each of `count` requests, so that each gets its share at even distances.

    The numbers of requests are the shares rounded by largest remainder.

    >>> deal(6, np.array([2 / 3, 1 / 3]))
    array([0, 1, 0, 0, 1, 0])
    """
    exact = shares / shares.sum() * count
    each = np.floor(exact + 1e-9).astype(np.int64)
    each[np.argsort(each - exact, kind="stable")[: count - int(each.sum())]] += 1
    due = np.concatenate([(np.arange(number) + 0.5) / number for number in each])
    return np.repeat(np.arange(len(shares)), each)[np.argsort(due, kind="stable")]
