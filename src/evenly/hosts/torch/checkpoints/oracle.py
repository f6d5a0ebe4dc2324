"""Whether a checkpoint is the state right after its step, whatever copier and writer are doing meanwhile."""

import copy
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from evenly.hosts.torch.checkpoints.checkpoints import Checkpoints
from evenly.hosts.torch.checkpoints.restore import fill, opened
from evenly.hosts.torch.checkpoints.state import states
from evenly.hosts.torch.checkpoints.trainer import Trainer

STEPS = 12
LONGEST = 6e-3  # seconds that copier and writer are held up at a point


def differing(seed: int, barrier: bool = True) -> int:
    """Return how many of the checkpoints of a run differ in any bit from a copy taken right after their step.

    Copier and writer are held up at random. Without `barrier` the optimizer does not wait for them.
    """
    chance = random.Random(seed)

    def held_up(point: str, version: int) -> None:
        time.sleep(chance.uniform(0.0, LONGEST))

    trainer = Trainer(seed, width=64)
    copies: dict[int, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        made = Checkpoints(name, guard=trainer.optimizer, keep=STEPS, buffer=1 << 16, trace=held_up)
        with made as checkpoints:
            if not barrier:
                checkpoints.unguard()
            for _ in range(STEPS):
                trainer.step()
                copies[trainer.steps] = copy.deepcopy(states(trainer.state()))
                checkpoints.async_save(trainer.state(), trainer.steps)
            checkpoints.drain()
        return sum(not same(_read(Path(name), version, copies[version]), copies[version]) for version in copies)


def same(one: Any, other: Any) -> bool:
    """Tell whether two states are equal in every bit."""
    if isinstance(one, torch.Tensor):
        return bool(one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(repr(one) == repr(other))


def _bits(tensor: torch.Tensor) -> bytes:
    dense = tensor.detach().clone(memory_format=torch.contiguous_format)
    return bytes(dense.reshape(-1).view(torch.uint8).numpy().tobytes())


def _read(folder: Path, version: int, like: dict[str, Any]) -> dict[str, Any]:
    """Return a version as plain values and tensors of its own."""
    state: dict[str, Any] = dict.fromkeys(like)
    fill(state, opened(folder, version), version, 0)
    return state
