"""What balanced batches are worth on this machine: two processes train one encoder under DDP on gloo."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from evenly.balance.partitioners import Partitioner
from evenly.balance.partitioners.blocks import Blocks
from evenly.balance.partitioners.karmarkar_karp import KarmarkarKarp
from evenly.balance.partitioners.snake import Snake
from evenly.balance.partitioners.stride import Stride
from evenly.core import Floats, Ints, Load
from evenly.hosts.torch.batches.loss import scale
from evenly.hosts.torch.batches.network import Shape, encoder, tokens
from evenly.hosts.torch.batches.sampler import DistributedBatchSampler
from evenly.hosts.torch.processes import together
from evenly.measure.imbalance import peak_over_mean
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.batches.fitting import fit

PARTITIONERS: Mapping[str, Partitioner] = {
    "blocks": Blocks(),
    "stride": Stride(longest_first=True),
    "snake": Snake(),
    "differencing": KarmarkarKarp(equal_counts=True),
}
RATE = 0.1  # of learning
_Answer: TypeAlias = tuple[Floats, tuple[Ints, ...], Floats]
"CPU seconds and lengths by step, and weights."


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained: sequences of these lengths, `batch` a rank and step."""

    lengths: tuple[int, ...]
    batch: int
    seed: int
    ranks: int = 2
    shape: Shape = field(default_factory=Shape)
    names: tuple[str, ...] = tuple(PARTITIONERS)
    "Partitioners that are tried, one after the other."


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What the ranks did under one partitioner."""

    busy: Floats
    "CPU seconds of forward and backward passes, shape [step, rank]."
    lengths: tuple[tuple[Ints, ...], ...]
    "Tokens of the sequences of each step of each rank."
    weights: Floats
    "All weights after the last step, of rank 0."

    def load(self) -> Load:
        """Return CPU seconds by step and rank."""
        return Load(self.busy, worker="rank")

    def tokens(self) -> Load:
        """Return tokens by step and rank."""
        counts = [[float(part.sum()) for part in rank] for rank in self.lengths]
        return Load(np.array(counts).T, unit="tokens", worker="rank")


def train(job: Job) -> dict[str, Trained]:
    """Train under each partitioner in processes of their own; return what the ranks did, by partitioner.

    Raises `RuntimeError` if a process fails.
    """
    found: list[dict[str, _Answer]] = together(job.ranks, _work, job)
    return {
        name: Trained(
            np.stack([answers[name][0] for answers in found], axis=1),
            tuple(answers[name][1] for answers in found),
            found[0][name][2],
        )
        for name in job.names
    }


def alone(job: Job) -> Floats:
    """Return all weights after one process has trained on the same global batches."""
    import torch

    torch.set_num_threads(1)
    model, data = encoder(job.shape, job.seed), tokens(list(job.lengths), job.shape, job.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    whole = DistributedBatchSampler(job.lengths, job.batch * job.ranks, ranks=1, rank=0, seed=job.seed)
    for batch in whole:
        _pass(model, [data[k] for k in batch])
        optimizer.step()
    return _weights(model)


def measure(seed: int, steps: int = 7, batch: int = 8) -> dict[str, float]:
    """Return time and tokens of the busiest rank over the mean one by partitioner, and how far weights are apart.

    Lengths are drawn from the quantiles of Wikipedia. `apart` is the largest difference of a weight to that of one
    process on the whole batches, over the largest weight. `off` is by how much, in %, the times under the other
    partitioners differ from those that a cost model foresees which was fitted to the times under the first.
    """
    from evenly.train.batches.corpora.wikipedia import Wikipedia

    lengths = np.maximum(2, Wikipedia().draw(2 * batch * steps, np.random.default_rng([seed, 23])))
    job = Job(tuple(lengths.tolist()), batch, seed)
    found, expected = train(job), alone(job)
    most = float(np.abs(expected).max())
    figures = {name: peak_over_mean(trained.load()) for name, trained in found.items()}
    figures |= {f"{name}_tokens": peak_over_mean(trained.tokens()) for name, trained in found.items()}
    figures["apart"] = max(float(np.abs(trained.weights - expected).max()) / most for trained in found.values())
    first, *others = found.values()
    fitted = fit(*_observed([first]))
    parts, seconds = _observed(others)
    foreseen = [fitted.overhead + float(fitted.effort.seconds(part).sum()) for part in parts]
    figures["off"] = 100.0 * float(np.abs(np.array(foreseen) - seconds).mean() / seconds.mean())
    return figures


def _observed(runs: Sequence[Trained]) -> tuple[list[Ints], Floats]:
    """Return the lengths and the CPU seconds of every step of every rank."""
    parts = [part for run in runs for rank in run.lengths for part in rank]
    return parts, np.concatenate([run.busy[:, rank] for run in runs for rank in range(run.busy.shape[1])])


def _work(rank: int, job: Job) -> dict[str, _Answer]:
    """Train as one rank under all partitioners; runs in a process of its own."""
    data = tokens(list(job.lengths), job.shape, job.seed)
    _pass(encoder(job.shape, job.seed), data[:2])  # the first passes of a process are slow
    found = {}
    for name in job.names:
        dealer = Partitioned(PARTITIONERS[name])
        sampler = DistributedBatchSampler(job.lengths, job.batch, dealer=dealer, cost=Tokens(), seed=job.seed)
        found[name] = _rank(job, sampler, data)
    return found


def _rank(job: Job, sampler: DistributedBatchSampler, data: list[Any]) -> _Answer:
    """Return CPU seconds and lengths by step, and the weights at the end."""
    import torch

    model = torch.nn.parallel.DistributedDataParallel(encoder(job.shape, job.seed))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    busy, lengths = [], []
    for batch in sampler:
        sequences = [data[k] for k in batch]
        begin = time.process_time()
        _pass(model, sequences)
        busy.append(time.process_time() - begin)
        lengths.append(sampler.lengths[batch])
        optimizer.step()
    return np.array(busy), tuple(lengths), _weights(model)


def _pass(model: Any, sequences: list[Any]) -> None:
    """Compute the gradient of the mean loss over all labels of all ranks."""
    model.zero_grad()
    (scale(sum(len(one) - 1 for one in sequences)) * model(sequences)).backward()


def _weights(model: Any) -> Floats:
    import torch

    return np.asarray(torch.cat([weight.detach().flatten() for weight in model.parameters()]).double().numpy())
