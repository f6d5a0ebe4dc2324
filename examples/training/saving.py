"""Checkpoints as they are usually made."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist


class TorchSave:
    """`torch.save` and a flush to storage, which the training waits for; called like evenly's `Checkpoints`.

    Ranks that die between their files leave versions that do not fit; nothing here sees that.
    """

    def __init__(self, folder: Path) -> None:
        """Keep one file a rank in a folder, which is made if needed."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"rank-{dist.get_rank()}.pt"

    def async_save(self, state: Mapping[str, Any], version: int) -> None:
        """Write the state in place of the last one."""
        plain = {name: value if isinstance(value, int) else value.state_dict() for name, value in state.items()}
        draft = self.path.with_suffix(".new")
        with draft.open("wb") as file:
            torch.save(plain, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)

    def load(self, state: MutableMapping[str, Any]) -> None:
        """Fill the state from the file, if there is one."""
        if not self.path.is_file():
            return
        for name, value in torch.load(self.path, weights_only=True).items():
            if isinstance(value, int):
                state[name] = value
            else:
                state[name].load_state_dict(value)

    def wait(self) -> None:
        """Return: nothing is under way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Return: nothing is under way."""
