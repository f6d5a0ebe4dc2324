"""Which rows of a vocabulary each process has."""

from collections.abc import Sequence

import torch.distributed as dist


def place(vocabulary: int, rows: Sequence[int] | None, group: "dist.ProcessGroup | None") -> tuple[int, int]:
    """Return the first row of this process and the one past its last.

    `rows` are those of each process of the group; dealt evenly without. Outside `torch.distributed` there is one
    process. Raises `ValueError` for rows that are not those of the vocabulary.
    """
    size = dist.get_world_size(group) if dist.is_initialized() else 1
    rank = dist.get_rank(group) if dist.is_initialized() else 0
    if rows is None:
        rows = [vocabulary // size + (k < vocabulary % size) for k in range(size)]
    if len(rows) != size or min(rows) < 1 or sum(rows) != vocabulary:
        raise ValueError(
            f"rows are at least 1 for each of {size} processes and {vocabulary} together, not {list(rows)}"
        )
    return sum(rows[:rank]), sum(rows[: rank + 1])
