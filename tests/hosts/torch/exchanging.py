"""A rank that exchanges sequences and says what it got; run in processes of its own by the tests."""

import sys
from pathlib import Path
from typing import Any

from evenly.hosts.torch.batches.exchange import Exchange


def read(rank: int) -> list[list[Any]]:
    """Return what a rank reads: its second step is longer on rank 1, and rank 0 ends first."""
    import torch

    chance = torch.Generator().manual_seed(rank)
    lengths = [[3, 9], [5, 1], [4, 4]] if rank == 0 else [[2, 7], [20, 6], [8, 1], [1, 1]]
    return [[torch.randint(1, 99, (n, 2), generator=chance, dtype=torch.int16) for n in step] for step in lengths]


def main(rank: int, ranks: int, meet: str, out: str) -> None:
    """Exchange, and keep what came."""
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=ranks)
    torch.save([list(step) for step in Exchange(read(rank))], Path(out) / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
