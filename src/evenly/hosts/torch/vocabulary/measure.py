"""What sharded layers and pipelines of them compute, beside one process, and what that takes."""

import copy
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 as everybody calls it
from torch import Tensor, nn

from evenly.hosts.torch.pipelines.runtime import runtime
from evenly.hosts.torch.pipelines.sharded import Sharded
from evenly.hosts.torch.processes import together
from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput
from evenly.hosts.torch.vocabulary.busy import ends, sharded
from evenly.train.pipeline.job import Job, Placement
from evenly.train.pipeline.passes import Order
from evenly.train.pipeline.schedules import Schedule, schedules
from evenly.train.pipeline.schedules.one_f_one_b import OneFOneB
from evenly.train.pipeline.schedules.v_half import VHalf
from evenly.train.pipeline.times import Times

TOKENS, HIDDEN, WORDS = 512, 256, 32_000  # of the output layer alone
FEWER = 4_000  # words in float64
ROUNDS = 3  # of which the fastest counts
SIZE, MICRO, STEPS = 2, 8, 4  # processes, micro-batches and steps of a pipeline
SMALL_WORDS, SMALL = 61, 16
RATE = 0.5
BARRIERS: dict[int, Placement] = {1: "one-barrier", 2: "two-barriers"}
NAMES = {1: "one", 2: "two"}


def measure(seed: int) -> dict[str, float]:
    """Return differences from one process, processor time over that of each process, and micro-batches held.

    Differences of gradients are the largest of any value, that of the loss over the loss, those of parameters over the
    largest change.
    """
    found = together(SIZE, everything, seed)
    figures = {name: max(each[name] for each in found) for name in found[0]}
    for name in ("held_one", "held_two", "held_vee"):
        figures[name] = found[0][name]
    figures |= evenness(found)
    figures["work"] = float(np.mean([each["whole_cpu"] / each["cpu"] for each in found]))
    return figures


def evenness(found: list[dict[str, float]]) -> dict[str, float]:
    """Return how much longer the busiest process computes with tables on the ends, and how uneven processes are."""
    taken = {name: np.array([each[name] for each in found]) for name in ("cpu_ends", "cpu_one", "cpu_two")}
    figures = {f"uneven_{name[4:]}": float(times.max() / times.mean()) for name, times in taken.items()}
    figures |= {f"gain_{name}": float(taken["cpu_ends"].max() / taken[f"cpu_{name}"].max()) for name in NAMES.values()}
    return figures


def everything(rank: int, seed: int) -> dict[str, float]:
    """Measure in one of the processes."""
    torch.manual_seed(seed)  # the same whole layers everywhere
    figures: dict[str, float] = {}
    for bits, kind, words in ((64, torch.float64, FEWER), (32, torch.float32, WORDS)):
        figures |= {f"float{bits}_{name}": found for name, found in output(kind, words).items()}
    figures |= cpu() | {"cpu_ends": ends(rank, SIZE, MICRO)}
    figures |= {f"cpu_{name}": sharded(order(barriers)) for barriers, name in NAMES.items()}
    for barriers, name in NAMES.items():
        figures[f"pipeline_{name}"], figures[f"held_{name}"] = trained(rank, barriers)
    figures["pipeline_vee"], figures["held_vee"] = trained(rank, 2, schedule=VHalf())
    figures["runtime"] = float(sum(ran(rank, name) > 1e-6 for name in schedules))
    return figures


def output(kind: torch.dtype, words: int) -> dict[str, float]:
    """Return how far a sharded output layer is from a whole one, by barriers; of the loss over the loss."""
    x, weight = torch.randn(TOKENS, HIDDEN, dtype=kind), torch.randn(words, HIDDEN, dtype=kind) / HIDDEN**0.5
    labels = torch.randint(0, words, (TOKENS,))
    whole = [part.clone().requires_grad_() for part in (x, weight)]
    loss = F.cross_entropy(F.linear(*whole), labels)
    states, table = torch.autograd.grad(loss, whole)
    found = {}
    for barriers, name in NAMES.items():
        head, mine = ShardedOutput.of(weight, barriers=barriers), x.clone().requires_grad_()
        ours = head(mine, labels)
        gradients = torch.autograd.grad(ours, (mine, head.weight))
        pairs = zip(gradients, (states, table[head.first : head.last]), strict=True)
        found[name] = max(apart(ours, loss), *(float((one - other).abs().max()) for one, other in pairs))
    return found


def apart(one: Any, other: Any) -> float:
    """Return the largest difference of two tensors over the largest value of the second."""
    one, other = one.detach(), other.detach()
    return float((one - other).abs().max() / other.abs().max())


def cpu() -> dict[str, float]:
    """Return processor seconds of forward and backward pass, of the whole output layer and of a shard."""
    x = torch.randn(TOKENS, HIDDEN, requires_grad=True)
    weight = (torch.randn(WORDS, HIDDEN) / HIDDEN**0.5).requires_grad_()
    labels, head = torch.randint(0, WORDS, (TOKENS,)), ShardedOutput.of(weight.detach())
    taken: dict[str, list[float]] = {"whole_cpu": [], "cpu": []}
    for _ in range(ROUNDS):
        for name in taken:
            start = time.process_time()
            loss = head(x, labels) if name == "cpu" else F.cross_entropy(F.linear(x, weight), labels)
            loss.backward()
            taken[name].append(time.process_time() - start)
    return {name: min(times) for name, times in taken.items()}


class Layer(nn.Module):
    """A layer with a residual, the size of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(SMALL, SMALL), nn.Linear(SMALL, SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states after the layer."""
        y: Tensor = x + self.outer(torch.tanh(self.inner(x)))
        return y


class Whole(nn.Module):
    """The model that a pipeline computes, in one process."""

    def __init__(self, stages: int) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(SMALL_WORDS, SMALL), nn.Linear(SMALL, SMALL_WORDS, bias=False)
        self.stages = nn.ModuleList(Layer() for _ in range(stages))

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss."""
        x = self.embed(tokens)
        for stage in self.stages:
            x = stage(x)
        return F.cross_entropy(self.head(x).flatten(0, -2), labels.flatten())


def trained(
    rank: int,
    barriers: int,
    tied: bool = False,
    rows: Sequence[int] | None = None,
    schedule: Schedule = OneFOneB(),  # noqa: B008 a frozen value
) -> tuple[float, float]:
    """Return how far parameters after some steps are from those of one process, and the micro-batches held."""
    known = order(barriers, schedule)
    whole = Whole(len(known.home)).to(torch.float64)
    if tied:
        whole.head.weight = whole.embed.weight
    before = copy.deepcopy(whole)
    head = ShardedOutput.of(whole.head.weight.detach(), barriers=barriers, rows=rows)
    embed = (
        ShardedInput(SMALL_WORDS, SMALL, tied=head) if tied else ShardedInput.of(whole.embed.weight.detach(), rows=rows)
    )
    own = np.flatnonzero(known.home == rank).tolist()
    stages = nn.ModuleList(copy.deepcopy(whole.stages[s]) for s in own)
    pipeline = Sharded(known, list(stages), embed, head)
    mine = list({id(p): p for part in (stages, embed, head) for p in part.parameters()}.values())
    optimisers = [torch.optim.SGD(mine, RATE), torch.optim.SGD(whole.parameters(), RATE)]
    for _ in range(STEPS):
        tokens, labels = (torch.randint(0, SMALL_WORDS, (MICRO, 2, 5)) for _ in range(2))
        labels[0, 0, 0] = -100  # does not count
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss = pipeline.step(list(tokens), list(labels))
        expected = whole(tokens.flatten(0, 1), labels.flatten(0, 1))
        expected.backward()
        assert abs(loss - float(expected.detach())) < 1e-9, "the loss of the pipeline is not that of one process"
        for optimiser in optimisers:
            optimiser.step()
    slices = slice(head.first, head.last)
    pairs = [
        (head.weight, whole.head.weight[slices], before.head.weight[slices]),
        (embed.weight, whole.embed.weight[slices], before.embed.weight[slices]),
        *(
            three
            for stage, s in zip(stages, own, strict=True)
            for three in zip(
                stage.parameters(), whole.stages[s].parameters(), before.stages[s].parameters(), strict=True
            )
        ),
    ]
    change = max(float((new - old).detach().abs().max()) for _, new, old in pairs)
    return max(float((ours - new).detach().abs().max()) for ours, new, _ in pairs) / change, pipeline.held


def order(barriers: int, schedule: Schedule = OneFOneB()) -> Order:  # noqa: B008 a frozen value
    """Return an order with a sharded vocabulary, an output layer as large as a third of a stage."""
    one, part, none = np.ones(len(schedule.homes(SIZE))), np.full(SIZE, 0.5), np.zeros(SIZE)
    return schedule.order(Job(SIZE, MICRO, BARRIERS[barriers], Times(one, one, one, part, part, none, none)))


def ran(rank: int, name: str) -> float:
    """Return how far gradients are from one process where torch runs one of our orders."""
    from torch.distributed.pipelining import PipelineStage

    schedule = schedules[name]()
    home = schedule.homes(SIZE)
    one, none = np.ones(len(home)), np.zeros(SIZE)
    known = schedule.order(Job(SIZE, MICRO, "ends", Times(one, one, one, none, none, none, none)))
    layers = nn.Sequential(*(Layer() for _ in home)).to(torch.float64)
    whole = copy.deepcopy(layers)
    x, target = torch.randn(2, 2 * MICRO, SMALL, dtype=torch.float64)
    own = [stage for stage, device in enumerate(home.tolist()) if device == rank]
    stages = [PipelineStage(layers[s], s, len(home), torch.device("cpu")) for s in own]
    made = runtime(known, stages, lambda y, t: ((y - t) ** 2).mean())
    arguments = (x,) if 0 in own else ()
    made.step(*arguments, **({"target": target} if len(home) - 1 in own else {}))
    ((whole(x) - target) ** 2).mean().backward()
    return max(
        apart(mine.grad, theirs.grad)
        for s in own
        for mine, theirs in zip(layers[s].parameters(), whole[s].parameters(), strict=True)
    )
