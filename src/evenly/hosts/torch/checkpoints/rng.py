"""The states of all random number generators that training draws from."""

import random
from typing import Any

import numpy as np
import torch


class Rng:
    """Holds Python's, numpy's and torch's generators, on the CPU and on the devices of this process."""

    def state_dict(self) -> dict[str, Any]:
        """Return the states as plain values and tensors; they are copies."""
        name, keys, *rest = np.random.get_state(legacy=True)
        found: dict[str, Any] = {
            "python": random.getstate(),
            "numpy": (name, np.asarray(keys).copy(), *rest),
            "torch": torch.get_rng_state(),
        }
        if torch.accelerator.is_available():
            found["device"] = _device().get_rng_state()
        return found

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set all generators; those of a device only if there is one and its state was saved."""
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])
        torch.set_rng_state(state["torch"])
        if "device" in state and torch.accelerator.is_available():
            _device().set_rng_state(state["device"])


def _device() -> Any:
    return torch.get_device_module(torch.accelerator.current_accelerator())
