"""The best partition, for small cases."""

import numpy as np

from evenly.core import Floats, Ints

MOST = 24  # items beyond which the search may not end


def exact(sizes: Floats, parts: int, places: int = 0) -> Ints:
    """Return a partition whose heaviest part is as light as possible, by branch and bound.

    Items go longest first to each part that can still lead to something better; parts of equal weight are tried once.
    `places` limits the items of a part; 0 sets no limit. Raises `ValueError` for more than 24 items, no parts, or too
    few places.

    Reference: R. E. Korf, "Multi-way number partitioning", 2009.

    >>> home = exact(np.array([8.0, 7, 6, 5, 4]), parts=2)
    >>> np.bincount(home, [8, 7, 6, 5, 4])
    array([15., 15.])
    """
    if len(sizes) > MOST:
        raise ValueError(f"the exact search takes at most {MOST} items, not {len(sizes)}")
    if parts < 1:
        raise ValueError(f"parts is at least 1, not {parts}")
    limit = places or len(sizes)
    if len(sizes) > limit * parts:
        raise ValueError(f"{parts} parts of {limit} places cannot hold {len(sizes)} items")
    order = np.argsort(-sizes, kind="stable")
    sorted_sizes = sizes[order].tolist()
    floor = max([float(sizes.sum()) / parts, *sorted_sizes[:1]])
    best: list[int] = []
    peak: float = float("inf")
    home = [0] * len(sorted_sizes)
    weights = [0.0] * parts
    counts = [0] * parts

    def place(item: int) -> bool:
        """Place the items from `item` on; return whether the floor was reached and the search can end."""
        nonlocal best, peak
        if item == len(sorted_sizes):
            best, peak = home.copy(), max(weights)
            return bool(peak <= floor * (1 + 1e-12))
        tried = set()
        for part in sorted(range(parts), key=weights.__getitem__):
            grown = weights[part] + sorted_sizes[item]
            state = (weights[part], counts[part])
            if counts[part] == limit or grown >= peak or state in tried:
                continue
            tried.add(state)
            home[item], weights[part], counts[part] = part, grown, counts[part] + 1
            if place(item + 1):
                return True
            weights[part], counts[part] = state
        return False

    place(0)
    found = np.zeros(len(sizes), np.int64)
    found[order] = best
    return found
