"""BERT without padding on two ranks that exchange their sequences, against ranks that keep what they were dealt."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
import torch.distributed

from evenly.balance.partitioners.snake import Snake
from evenly.core import Floats, Ints, Load
from evenly.hosts.torch.batches.exchange import Exchange
from evenly.hosts.torch.batches.loss import scale
from evenly.hosts.torch.processes import together
from evenly.hosts.torch.unpadded.bert import UnpaddedMaskedLM
from evenly.hosts.torch.unpadded.measure import Size, batch, model
from evenly.hosts.torch.unpadded.packed import pack
from evenly.measure.imbalance import peak_over_mean
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.unpadded.roundings.multiples import Multiples

Tensor: TypeAlias = torch.Tensor
RANKS = 2
RATE = 0.1  # of plain gradient descent, whose updates differ by as much as the gradients do


def figures(lengths: Ints, seed: int, size: Size = Size()) -> dict[str, float]:  # noqa: B008 a frozen value
    """Return what an exchange does to two ranks; `lengths` are those of each step's sequences, rank by rank, [S, 2b].

    `kept` and `exchanged`: CPU time of the busier rank over the mean, and their `_tokens`. `apart`: the largest
    difference of a weight from one process that computes all batches. `exposed`: the share of the elapsed time that
    steps waited for the exchange.
    """
    said = together(RANKS, _rank, lengths, seed, size)
    found = {name: [each[name] for each in said] for name in ("kept", "exchanged")}
    whole = [sequences(row, size, seed, step) for step, row in enumerate(lengths)]
    alone = _train(whole, model(size, seed)).weights
    busy = {name: peak_over_mean(_load(ranks, "seconds")) for name, ranks in found.items()}
    tokens = {f"{name}_tokens": peak_over_mean(_load(ranks, "tokens")) for name, ranks in found.items()}
    return (
        busy
        | tokens
        | {
            "apart": max(float(np.abs(rank["weights"] - alone).max()) for ranks in found.values() for rank in ranks),
            "exposed": max(rank["waited"] / rank["elapsed"] for rank in found["exchanged"]),
        }
    )


def _load(ranks: Sequence[dict[str, Any]], name: str) -> Load:
    """Return CPU seconds or tokens by step and rank, without the first step, which warms up."""
    return Load(np.array([rank[name][1:] for rank in ranks], float).T, unit=name, worker="rank")


def sequences(lengths: Ints, size: Size, seed: int, step: int) -> list[Tensor]:
    """Return random sequences, each int64 [length, 3]: tokens, segments, labels."""
    tokens, _, labels = batch(lengths, size, 1000 * seed + step)
    whole = torch.stack((tokens, torch.zeros_like(tokens), labels), dim=-1)
    return [row[:count] for row, count in zip(whole, lengths.tolist(), strict=True)]


def _rank(rank: int, lengths: Ints, seed: int, size: Size) -> dict[str, dict[str, Any]]:
    """Train as one rank, twice from the same beginning; runs in a process of its own."""
    each = lengths.shape[1] // RANKS
    own = [sequences(row, size, seed, step)[rank * each : (rank + 1) * each] for step, row in enumerate(lengths)]
    exchange = Exchange(own, partition=Snake(), cost=Tokens())
    said: dict[str, dict[str, Any]] = {}
    for name, batches in (("kept", own), ("exchanged", exchange)):
        begin = time.perf_counter()
        found = _train(batches, model(size, seed))
        said[name] = found._asdict() | {"elapsed": time.perf_counter() - begin}
    said["exchanged"]["waited"] = exchange.waited
    return said


class _Trained(NamedTuple):
    seconds: list[float]
    "CPU time of each step's forward and backward pass."
    tokens: list[int]
    weights: Floats
    "After the last step."


def _train(batches: Iterable[list[Tensor]], bert: Any) -> _Trained:
    """Train on batches by plain gradient descent."""
    unpadded: Any = UnpaddedMaskedLM(bert)
    if torch.distributed.is_initialized():
        unpadded = torch.nn.parallel.DistributedDataParallel(unpadded)
    optimizer = torch.optim.SGD(bert.parameters(), lr=RATE)
    seconds, tokens = [], []
    for own in batches:
        packed = pack(*_parts(own))
        whole = scale(len(packed.labels))
        optimizer.zero_grad()
        before = time.thread_time()
        (whole * unpadded(packed)).backward()
        seconds.append(time.thread_time() - before)
        tokens.append(len(packed.tokens))
        optimizer.step()
    weights = torch.cat([weight.detach().flatten() for weight in bert.parameters()])
    return _Trained(seconds, tokens, weights.double().numpy())


def _parts(own: Sequence[Tensor]) -> tuple[list[Tensor], Multiples, list[Tensor], list[Tensor]]:
    tokens, segments, labels = ([one[:, part] for one in own] for part in range(3))
    return tokens, Multiples(), segments, labels
