"""Packers: items to as few packs of one capacity as they can."""

from typing import Protocol

from evenly.core import Catalog, Ints


class Packer(Protocol):
    """Put items into packs that hold so much at most."""

    def pack(self, sizes: Ints, capacity: int) -> Ints:
        """Return the pack of each item, counted from 0 without a gap.

        Raises `ValueError` for an item that is larger than a pack, or smaller than 1.
        """
        ...


packers: Catalog[Packer] = Catalog(__name__, Packer)


def check(sizes: Ints, capacity: int) -> None:
    """Raise `ValueError` that names the first item that no pack can hold."""
    wrong = (sizes < 1) | (sizes > capacity)
    if wrong.any():
        item = int(wrong.argmax())
        raise ValueError(f"item {item} of size {sizes[item]} fits into no pack of {capacity}; sizes are 1 to that")
