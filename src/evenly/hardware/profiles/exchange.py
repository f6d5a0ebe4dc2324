"""What ranks that share experts send each other."""

import numpy as np

from evenly.hardware.device import Device, link
from evenly.hardware.model import Model
from evenly.hardware.profiles.measured import Curve

CHOICE_BYTES = 8  # of each chosen expert: its number and its weight, 4 bytes each
POINTS = np.exp2(np.arange(15.0))


def exchange(model: Model, device: Device, ranks: int) -> Curve:
    """Return the seconds of a layer by tokens of the widest rank.

    Every rank gathers the hidden states of all, and the numbers and weights of the experts that they chose: three
    collectives. Then each gets back the sum of its own tokens: a reduce-scatter. That is vLLM's default.
    """
    wire = link(device.link)
    hidden = POINTS * model.hidden * model.bytes
    choice = POINTS * model.active * CHOICE_BYTES
    sent = (ranks - 1) * (2.0 * hidden + choice)
    return Curve(POINTS, 4.0 * wire.latency + sent / wire.bandwidth)
