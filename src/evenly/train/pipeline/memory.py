"""What a pipeline holds on each device."""

import numpy as np

from evenly.core import Floats
from evenly.train.pipeline.passes import GRADIENT, SOFTMAX, Order, live
from evenly.train.pipeline.work import Work

STATE = 18  # bytes a weight: itself in 2, gradient 4, copy 4 and two moments 8 of Adam; Megatron-LM, mixed precision
ACTIVATION = 34  # bytes a token and unit of width in each layer, without scores; V. Korthikanti et al., 2022
LOGIT = 16  # bytes: itself in 2 and 4, its softmax 4, its gradient in 4 and 2


def weights(work: Work) -> Floats:
    """Return the weights on each device."""
    layers = np.bincount(work.home, work.layers * work.shape.layer_weights, work.devices)
    found = np.asarray(layers, np.float64)
    if work.sharded:
        return found + 2.0 * work.shape.table_weights * work.shares
    found[work.home[0]] += work.shape.table_weights
    found[work.home[-1]] += work.shape.table_weights
    return found


def activations(order: Order, work: Work) -> Floats:
    """Return the most bytes of activations on each device at once, logits included."""
    layer = float(ACTIVATION * work.shape.tokens * work.shape.hidden)
    logits = float(LOGIT * work.shape.tokens * work.shape.vocabulary)
    counts, found = live(order), np.zeros(order.devices)
    for device in range(order.devices):
        mine = order.kind[order.device == device]
        held = np.zeros(len(mine))
        for stage in np.flatnonzero(work.home == device).tolist():
            held += counts[stage] * work.layers[stage] * layer
        if work.sharded:
            between = np.cumsum((mine == SOFTMAX).astype(np.int64)) - np.cumsum((mine == GRADIENT).astype(np.int64))
            held += between * logits * work.shares[device]
        elif work.home[-1] == device:
            held += np.minimum(counts[-1], 1) * logits
        found[device] = held.max(initial=0.0)
    return found


def peak(order: Order, work: Work) -> Floats:
    """Return the most bytes on each device: weights, what the optimiser keeps of them, and activations."""
    return STATE * weights(work) + activations(order, work)
