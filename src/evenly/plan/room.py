"""How many tokens of context each engine of a layout holds."""

from evenly.hardware.device import Device
from evenly.hardware.memory import ACTIVATION, UTILISATION
from evenly.hardware.model import Model
from evenly.plan.cost import kv_bytes, weight_bytes
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
    free = device.memory * utilisation - activation - weight_bytes(model, layout)
    each = kv_bytes(model, layout) * layout.stages
    if free < each:
        raise ValueError(
            f"{model.name} does not fit into {layout.title} on {device.name}: {weight_bytes(model, layout) / 1e9:.1f} "
            f"GB of weights on a device, {missing(model, device, layout, 1, utilisation, activation):.1f} GB missing"
        )
    return int(free / each)


def missing(
    model: Model,
    device: Device,
    layout: Layout,
    tokens: int,
    utilisation: float = UTILISATION,
    activation: float = ACTIVATION,
) -> float:
    """Return the GB that each device lacks for its weights and `tokens` of context of every microbatch."""
    free = device.memory * utilisation - activation - weight_bytes(model, layout)
    return max(0.0, (tokens * kv_bytes(model, layout) * layout.stages - free) / 1e9)
