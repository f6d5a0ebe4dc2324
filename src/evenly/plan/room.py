"""How many tokens of context each engine of a layout holds."""

from evenly.hardware.device import Device
from evenly.hardware.memory import ACTIVATION, UTILISATION
from evenly.hardware.model import Model
from evenly.plan.cost import stage_bytes, weight_bytes
from evenly.plan.layout import Layout


def room(
    model: Model,
    device: Device,
    layout: Layout,
    utilisation: float = UTILISATION,
    activation: float = ACTIVATION,
) -> int:
    """Return the tokens of keys and values of one microbatch of one rank: each microbatch has an even part.

    Raises `ValueError` that says how much memory is missing if weights and one token do not fit.

    >>> from evenly.hardware.device import device
    >>> from evenly.hardware.model import model
    >>> room(model("llama-3-70b"), device("h100"), Layout(tensor=8)) // 1000
    1399
    """
    usable = device.memory * utilisation - activation
    tokens = min((usable - weights) / (kv * layout.stages) for weights, kv in stage_bytes(model, layout))
    if tokens < 1:
        raise ValueError(
            f"{model.name} does not fit into {layout.title} on {device.name}: {weight_bytes(model, layout) / 1e9:.1f} "
            f"GB of weights on a device, {missing(model, device, layout, 1, utilisation, activation):.1f} GB missing"
        )
    return int(tokens)


def missing(
    model: Model,
    device: Device,
    layout: Layout,
    tokens: int,
    utilisation: float = UTILISATION,
    activation: float = ACTIVATION,
) -> float:
    """Return the GB that the fullest device lacks for its weights and `tokens` of context of every microbatch."""
    usable = device.memory * utilisation - activation
    asked = max(weights + tokens * kv * layout.stages for weights, kv in stage_bytes(model, layout))
    return max(0.0, (asked - usable) / 1e9)
