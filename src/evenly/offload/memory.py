"""What the experts take up on both sides."""

import numpy as np

from evenly.core import Bools, Floats
from evenly.hardware.model import Model


def expert_bytes(model: Model, bits: int) -> float:
    """Return the bytes of one expert with weights of so many bits.

    >>> from evenly.hardware.model import model
    >>> expert_bytes(model("mixtral-8x7b"), 4) / 1e6
    88.080384
    """
    return model.expert_parameters * bits / 8


def residents(frequency: Floats, ratio: float, by_layers: bool) -> Bools:
    """Return which experts begin on the device: the share `ratio` of them, shape [layer, expert].

    The most frequent of every layer, or whole layers from the first on and the most frequent of the next one.

    >>> residents(np.array([[0.2, 0.1], [0.1, 0.2]]), 0.5, False)
    array([[ True, False],
           [False,  True]])
    >>> residents(np.array([[0.2, 0.1], [0.1, 0.2]]), 0.5, True)
    array([[ True,  True],
           [False, False]])
    """
    layers, experts = frequency.shape
    order = np.argsort(-frequency, axis=1, kind="stable")
    each = np.full(layers, round(ratio * experts))
    if by_layers:
        each = np.clip(each.sum() - experts * np.arange(layers), 0, experts)
    found = np.zeros(frequency.shape, np.bool_)
    for layer in range(layers):
        found[layer, order[layer, : each[layer]]] = True
    return found


def sides(resident: Bools, beside: int, moved: bool, size: float) -> tuple[float, float]:
    """Return the bytes of experts on the device and on the host.

    The device also has room for the most experts that stood beside those with a place. Where anything is moved, the
    host keeps a copy of every expert, since whoever leaves is not sent back; else it keeps what the device lacks.
    """
    here = float(resident.sum())
    return (here + beside) * size, (resident.size if moved else resident.size - here) * size
