"""How many tokens of KV cache fit beside the weights."""

from evenly.hardware.device import Device
from evenly.hardware.model import Model

UTILISATION = 0.9  # share of the memory that the engine may use, vLLM's default
ACTIVATION = 2e9  # bytes a device keeps for activations, graphs and the runtime, an assumption


def kv_tokens(
    model: Model, device: Device, tensor: int, utilisation: float = UTILISATION, activation: float = ACTIVATION
) -> int:
    """Return the tokens whose keys and values fit into `tensor` devices beside the weights.

    `utilisation` is the share of the memory that the engine may use and `activation` the bytes of each device that
    neither weights nor cache may take. A measured capacity is better than this estimate wherever there is one.
    Raises `ValueError` that says how much memory is missing if the weights do not fit.
    """
    if tensor < 1:
        raise ValueError(f"tensor is at least 1 device, not {tensor}")
    if not 0 < utilisation <= 1:
        raise ValueError(f"utilisation is a share above 0 and at most 1, not {utilisation}")
    if not activation >= 0:
        raise ValueError(f"activation is at least 0 bytes, not {activation}")
    room = device.memory * utilisation - activation - model.weight_bytes / tensor
    each = model.kv_bytes_on(tensor)
    if room < each:
        missing = (each - room) * tensor / 1e9
        raise ValueError(
            f"{model.name} does not fit into {tensor} x {device.name}: {model.weight_bytes / 1e9:.1f} GB of weights, "
            f"{missing:.1f} GB missing; raise tensor or choose a larger device"
        )
    return int(room / each)


def memory_facts(utilisation: float = UTILISATION, activation: float = ACTIVATION) -> dict[str, str | int | float]:
    """Return the assumptions behind a capacity that was derived, for the facts of an outcome."""
    return {"memory share": utilisation, "activation bytes": activation}
