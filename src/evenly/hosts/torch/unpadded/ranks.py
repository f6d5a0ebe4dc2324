"""BERT without padding on two ranks that exchange their sequences, against ranks that keep what they were dealt."""

import os
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing

from evenly.balance.partitioners.snake import Snake
from evenly.core import Floats, Ints
from evenly.hosts.torch.unpadded.bert import UnpaddedMaskedLM
from evenly.hosts.torch.unpadded.exchange import Exchange, Sample, Share
from evenly.hosts.torch.unpadded.measure import LONGEST, Size, batch, model
from evenly.hosts.torch.unpadded.packed import IGNORED, pack
from evenly.train.unpadded.roundings.multiples import Multiples

RANKS = 2
RATE = 0.1  # of plain gradient descent, whose updates differ by as much as the gradients do


def figures(lengths: Ints, seed: int, size: Size = Size()) -> dict[str, float]:  # noqa: B008 a frozen value
    """Return what an exchange does to two ranks; `lengths` are those of each step's sequences, rank by rank, [S, 2b].

    `kept` and `exchanged`: the largest CPU time of a rank in a step over the mean, in the mean of the steps. `apart`:
    the largest difference of a weight from one process that computes all batches. `exposed`: the share of the elapsed
    time that steps waited for the exchange.
    """
    spent, weights, exposed = {}, {}, 0.0
    for name in ("kept", "exchanged"):
        with TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(_rank, (_port(), name, lengths, seed, size, folder), nprocs=RANKS)
            found = [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]
        spent[name] = np.array([each["seconds"] for each in found])
        weights[name] = found[0]["weights"]
        exposed = max(each["waited"] / each["elapsed"] for each in found)
    alone = _alone(lengths, seed, size)
    return {
        "kept": _imbalance(spent["kept"]),
        "exchanged": _imbalance(spent["exchanged"]),
        "apart": max(float((each - alone).abs().max()) for each in weights.values()),
        "exposed": exposed,
    }


def _imbalance(seconds: Floats) -> float:
    steps = seconds[:, 1:]  # the first warms up
    return float((steps.max(axis=0) / steps.mean(axis=0)).mean())


def samples(lengths: Ints, size: Size, seed: int) -> list[Sample]:
    """Return random sequences of these lengths."""
    tokens, _, labels = batch(lengths, size, seed)
    return [
        Sample(row[:count], torch.zeros(count, dtype=torch.long), wanted[:count])
        for row, wanted, count in zip(tokens, labels, lengths.tolist(), strict=True)
    ]


def _dealt(lengths: Ints, size: Size, seed: int) -> list[list[list[Sample]]]:
    """Return the samples of each step and rank as they come."""
    each = lengths.shape[1] // RANKS
    steps = [samples(row, size, 1000 * seed + k) for k, row in enumerate(lengths)]
    return [[step[rank * each : (rank + 1) * each] for rank in range(RANKS)] for step in steps]


def _rank(rank: int, port: int, name: str, lengths: Ints, seed: int, size: Size, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=RANKS)
    steps = _dealt(lengths, size, seed)
    own = [step[rank] for step in steps]
    shares: Any = Exchange(own, LONGEST, Snake()) if name == "exchanged" else _kept(own, steps)
    begin = time.perf_counter()
    seconds, weights = _train(shares, model(size, seed), RANKS)
    elapsed = time.perf_counter() - begin
    waited = getattr(shares, "waited", 0.0)
    found = {"seconds": seconds, "weights": weights, "waited": waited, "elapsed": elapsed}
    torch.save(found, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def _kept(own: Sequence[list[Sample]], steps: Sequence[Sequence[list[Sample]]]) -> list[Share]:
    return [
        Share(mine, sum(predicted(sample) for rank in step for sample in rank))
        for mine, step in zip(own, steps, strict=True)
    ]


def _alone(lengths: Ints, seed: int, size: Size) -> torch.Tensor:
    steps = [[sample for rank in step for sample in rank] for step in _dealt(lengths, size, seed)]
    shares = [Share(step, sum(map(predicted, step))) for step in steps]
    return _train(shares, model(size, seed), 1)[1]


def predicted(sample: Sample) -> int:
    """Return how many tokens of a sample are to be predicted."""
    return int((sample.labels != IGNORED).sum())


def _train(shares: Iterable[Share], bert: Any, ranks: int) -> tuple[list[float], torch.Tensor]:
    """Return the CPU time of each step's forward and backward pass, without the exchange, and the weights at the end."""
    unpadded: Any = UnpaddedMaskedLM(bert)
    if ranks > 1:
        unpadded = torch.nn.parallel.DistributedDataParallel(unpadded, find_unused_parameters=True)
    optimizer = torch.optim.SGD(bert.parameters(), lr=RATE)
    seconds = []
    for share in shares:
        made = pack(
            [sample.tokens for sample in share.samples],
            Multiples(),
            [sample.segments for sample in share.samples],
            [sample.labels for sample in share.samples],
        )
        optimizer.zero_grad()
        before = time.thread_time()
        loss = unpadded(made) * (ranks / share.predicted)  # DDP takes the mean over ranks
        loss.backward()
        seconds.append(time.thread_time() - before)
        optimizer.step()
    return seconds, torch.cat([weight.detach().flatten() for weight in bert.parameters()])


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
