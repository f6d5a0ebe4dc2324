"""A winner tree: the replica whose pass ends first."""

from typing import Any

from evenly.kernel.compiling import helper


@helper
def settle(tree: Any, ends: Any, replica: int) -> None:
    """Repair the tree after `ends[replica]` changed; `tree[1]` is the winner, leaves begin at half its length."""
    place = (replica + len(tree) // 2) // 2
    while place >= 1:
        left = tree[2 * place]
        right = tree[2 * place + 1]
        tree[place] = left if ends[left] <= ends[right] else right
        place //= 2
