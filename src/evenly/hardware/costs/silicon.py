"""Kernel tables from the package aiconfigurator-core."""

from dataclasses import dataclass

from evenly.core import Floats
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.aiconfigurator import installed
from evenly.hardware.profiles.exchange import exchange
from evenly.hardware.profiles.load import load, with_reduce
from evenly.hardware.profiles.pack import pack
from evenly.hardware.profiles.passes import Passes


@dataclass(frozen=True, slots=True)
class Silicon(Passes):
    """Sum the measured kernels that NVIDIA publishes with AIConfigurator, for any model it has shapes of.

    Needs the extra `silicon`. Matrix products, attention, experts and all-reduces are measured; norms, rotation and
    activation are counted as memory traffic, and a prompt with a history as a fresh prompt with as many token pairs.

    Reference: AIConfigurator, github.com/ai-dynamo/aiconfigurator, Apache-2.0, tables of version 0.12.
    """

    host: float = 0.0
    "Seconds of host work in each pass that no kernel hides."
    ranks: int = 1
    "Data-parallel engines in step that share the experts."
    graph: int = 256
    "Tokens up to which the ranks of a pass run at the width of the widest, as captured graphs do."

    def __post_init__(self) -> None:
        if not 0 <= self.host < float("inf"):
            raise ValueError(f"host is at least 0 seconds, not {self.host}")
        if self.ranks < 1 or self.graph < 0:
            raise ValueError(f"ranks is at least 1 and graph at least 0, not {self.ranks} and {self.graph}")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the assembled kernels, flat.

        Raises `ValueError` if the package is missing or has no tables of the device or of the model's shapes.
        """
        measured = load(str(installed(device)), model, device, tensor, self.ranks, None, None)
        sends = exchange(model, device, self.ranks) if self.ranks > 1 and model.experts else None
        layer, _ = with_reduce(measured, model, device, tensor)
        return pack(measured, layer, model.layers, self.host, self.ranks, self.graph, sends)

    def facts(self) -> dict[str, str | int | float]:
        """Return where the times come from and what was assumed beside them."""
        return {
            "kernels": "aiconfigurator-core, tables of vLLM where there are any",
            "host overhead": self.host,
            "ranks": self.ranks,
            "prompts of one pass": "as one prompt with as many token pairs",
            "norms, rotation, activation": "memory traffic at 80% of the bandwidth, 3 us at least",
        }
