"""A batch sampler that deals global batches across the ranks of a training by predicted cost."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.train.batches.dealers import Dealer, Step
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts import Effort
from evenly.train.batches.efforts.quadratic import Quadratic


class DistributedBatchSampler:
    """Give `DataLoader` the micro-batches of this rank: `DataLoader(data, batch_sampler=sampler)`.

    All ranks shuffle with the same seed, deal the same global batch and keep their own part, so nothing is sent and
    every sequence is trained on once an epoch. The sequences of a step are those of a sampler without balance. A rank
    may get another number of tokens than the others: scale the loss by `evenly.hosts.torch.batches.loss.scale`.

    Works with any device and backend. Sequences that fill no global batch at the end of an epoch are left out.
    """

    def __init__(
        self,
        lengths: Sequence[int] | Ints,
        batch: int,
        *,
        dealer: Dealer | None = None,
        cost: Effort | None = None,
        ranks: int | None = None,
        rank: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
    ) -> None:
        """Deal the sequences of `lengths` tokens, `batch` a rank and step.

        `dealer` divides each global batch, by default longest first with equal counts and one micro-batch a step;
        `cost` predicts the seconds of a sequence. Ranks are those of `torch.distributed`, one if it was not begun.
        Raises `ValueError` for values that make no sense and for fewer sequences than a global batch.
        """
        here, all_ranks = _place() if rank is None or ranks is None else (rank, ranks)
        self.rank = here if rank is None else rank
        self.ranks = all_ranks if ranks is None else ranks
        self.lengths = np.asarray(lengths, np.int64)
        self.batch, self.seed, self.shuffle = batch, seed, shuffle
        self.dealer = dealer or Partitioned()
        if not 0 <= self.rank < self.ranks:
            raise ValueError(f"rank is 0 to {self.ranks - 1}, one of {self.ranks} ranks, not {self.rank}")
        if batch < 1:
            raise ValueError(f"batch is at least 1 sequence, not {batch}")
        if seed < 0:
            raise ValueError(f"seed is at least 0, not {seed}")
        if self.lengths.ndim != 1 or len(self.lengths) < self.ranks * batch:
            raise ValueError(
                f"lengths are at least {self.ranks * batch} numbers, a global batch, not {self.lengths.shape}; "
                "take a smaller batch"
            )
        if (wrong := np.flatnonzero(self.lengths < 1)).size:
            raise ValueError(
                f"lengths are at least 1 token; sequence {wrong[0]} has {self.lengths[wrong[0]]}, leave it out"
            )
        self.costs: Floats = (cost or Quadratic()).seconds(self.lengths)
        self.epoch = 0
        self._start = 0  # step at which the next iteration begins
        self._begun: int | None = None  # step at which the last one of this epoch began
        self._drawn = 0  # steps of this epoch that were given out

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of each micro-batch of this rank, from the step to resume at on."""
        steps = self._deal(self._start)
        self._begun, self._drawn, self._start = self._start, self._start, 0
        return self._given(self._order(), steps)

    def _given(self, order: Ints, steps: Iterator[Step]) -> Iterator[list[int]]:
        for step in steps:
            *first, last = step[self.rank]
            for part in first:
                yield order[part].tolist()
            self._drawn += 1  # before the last one is handed out, after which nobody may ask again
            yield order[last].tolist()

    def __len__(self) -> int:
        """Return the number of micro-batches of this rank that the next iteration yields."""
        return sum(len(step[self.rank]) for step in self._deal(self._start))

    def counts(self) -> Iterator[int]:
        """Yield the number of micro-batches of each step: gradients are kept for so many.

        They are those of the iteration that `iter(loader)` has begun in this epoch; before it, of the one that it will.
        """
        begin = self._start if self._begun is None else self._begun
        return (len(step[self.rank]) for step in self._deal(begin))

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew in the next iteration; call it on all ranks alike.

        It begins at the first step, and where `load_state_dict` left off in the epoch that it loaded.
        """
        if epoch < 0:
            raise ValueError(f"epoch is at least 0, not {epoch}")
        start = self._start if epoch == self.epoch else 0
        self.epoch, self._start, self._drawn, self._begun = epoch, start, start, None

    def state_dict(self, step: int | None = None) -> dict[str, Any]:
        """Return where training stands: the epoch, and the steps of it that are done.

        `step` says how many those are. Without it they are the steps that were given out, which is right only where
        `DataLoader` has no worker processes, because those draw ahead.
        """
        return {"epoch": self.epoch, "step": self._drawn if step is None else step, **self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the step at which `state_dict` was taken, with the micro-batches that were to come then.

        Raises `ValueError` if the state is of other sequences, costs, ranks, batch, seed or dealer, and for a step that
        the epoch does not have.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ValueError(
                    f"the state was taken with {name} = {state.get(name)}, here it is {value}; make the sampler alike, "
                    "or begin the next epoch with set_epoch"
                )
        epoch, step = int(state["epoch"]), int(state["step"])
        steps = len(self.lengths) // (self.ranks * self.batch)
        if epoch < 0 or not 0 <= step <= steps:
            raise ValueError(f"an epoch is at least 0 and has 0 to {steps} steps done, not epoch {epoch}, step {step}")
        self.epoch, self._start, self._drawn, self._begun = epoch, step, step, None

    def _deal(self, start: int) -> Iterator[Step]:
        order = self._order()
        return self.dealer.deal(self.lengths[order], self.costs[order], self.ranks, self.batch, start)

    def _order(self) -> Ints:
        """Return the sequences in the order of this epoch."""
        count = len(self.lengths)
        return np.random.default_rng([self.seed, self.epoch]).permutation(count) if self.shuffle else np.arange(count)

    def _identity(self) -> dict[str, Any]:
        """Return what a state hangs on."""
        own = {"ranks": self.ranks, "batch": self.batch, "seed": self.seed, "shuffle": int(self.shuffle)}
        sums = {"lengths_crc32": zlib.crc32(self.lengths.tobytes()), "costs_crc32": zlib.crc32(self.costs.tobytes())}
        return {**own, "sequences": len(self.lengths), **sums, "dealer": repr(self.dealer)}


def _place() -> tuple[int, int]:
    """Return this rank and the number of ranks of `torch.distributed`; a single one if it was not begun."""
    try:
        import torch.distributed as training
    except ImportError:
        raise ValueError("without torch, say rank and ranks; torch comes with: pip install 'evenly[torch]'") from None
    if not (training.is_available() and training.is_initialized()):
        return 0, 1
    return int(training.get_rank()), int(training.get_world_size())
