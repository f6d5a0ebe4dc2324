"""The same prices on one, two and four processes."""

import socket
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from evenly.hosts.torch.experts import BiasBalancer, Router  # noqa: E402
from evenly.hosts.torch.processes import together  # noqa: E402
from evenly.train.experts.balancers.proportional import Proportional  # noqa: E402

Module: Any = torch.nn.Module
STEPS, TOKENS = 5, 64


def work(rank: int, ranks: int, port: int, folder: str) -> None:
    """Route this rank's part of every batch; the first and last rank write their prices."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=ranks)
    torch.save(prices(rank, ranks), f"{folder}/{ranks}-{rank}.pt")
    torch.distributed.destroy_process_group()


def prices(rank: int, ranks: int) -> Any:
    torch.manual_seed(0)
    router = Router(16, 8, 2)
    balancer = BiasBalancer(router, Proportional(0.1))
    for _ in range(STEPS):
        hidden = torch.randn(TOKENS, 16)
        router(hidden.chunk(ranks)[rank])
        balancer.step()
    return router.price


@pytest.mark.slow
def test_prices_are_those_of_one_process_bit_for_bit(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    expected = prices(0, 1)
    assert expected.abs().sum() > 0
    for ranks in (2, 4):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        torch.multiprocessing.spawn(work, (ranks, port, str(tmp_path)), nprocs=ranks)
        for rank in range(ranks):
            found = torch.load(tmp_path / f"{ranks}-{rank}.pt", weights_only=True)
            assert torch.equal(found, expected), f"rank {rank} of {ranks}"


def counted(rank: int) -> int:
    """Return the tokens that a step counted, of two micro-batches under DDP, each with a synchronised backward pass."""
    model = torch.nn.Sequential(torch.nn.Linear(16, 16), Chosen())
    spread = torch.nn.parallel.DistributedDataParallel(model)
    balancer = BiasBalancer(model)
    for _ in range(2):
        spread(torch.randn(10 + 7 * rank, 16)).sum().backward()
    balancer.step()
    return int(balancer.loads[0].sum())


class Chosen(Module):  # type: ignore[misc] # torch is imported at run time
    """A layer that is a router and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.router = Router(16, 8, 2)

    def forward(self, hidden: Any) -> Any:
        """Return hidden states times the weights of their experts."""
        return hidden * self.router(hidden)[0].sum(dim=1, keepdim=True)


def test_ddp_loses_no_counts_of_a_rank() -> None:
    assert together(2, counted) == [2 * 2 * (10 + 17)] * 2
