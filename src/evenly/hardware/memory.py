"""How many tokens of KV cache fit beside the weights."""

from evenly.hardware.device import Device
from evenly.hardware.model import Model

UTILISATION = 0.9  # share of the memory that the engine may use, vLLM's default
ACTIVATION = 2e9  # bytes a device keeps for activations and graphs, an assumption


def kv_tokens(model: Model, device: Device, tensor: int, utilisation: float = UTILISATION) -> int:
    """Return the tokens whose keys and values fit into `tensor` devices beside the weights.

    Raises `ValueError` that says how much memory is missing if the weights do not fit.
    """
    room = device.memory * utilisation - ACTIVATION - model.weight_bytes / tensor
    each = model.kv_bytes / min(tensor, model.kv_heads)
    if room < each:
        missing = (each - room) * tensor / 1e9
        raise ValueError(
            f"{model.name} does not fit into {tensor} x {device.name}: {model.weight_bytes / 1e9:.1f} GB of weights, "
            f"{missing:.1f} GB missing; raise tensor or choose a larger device"
        )
    return int(room / each)
