"""Kernel times measured on a real card."""

from dataclasses import dataclass

from evenly.core import FilePath, Floats
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.exchange import exchange
from evenly.hardware.profiles.load import describe, load, with_reduce
from evenly.hardware.profiles.pack import pack
from evenly.hardware.profiles.passes import Passes


@dataclass(frozen=True, slots=True)
class Profile(Passes):
    """Sum the measured kernels of a pass: layers by tokens, attention by a four-dimensional grid, head by sequences.

    Reads the folders that LLMServingSim, Vidur and AIConfigurator publish, told apart by content; see the page on
    hardware for what each lacks and what is assumed instead. Prompts of one pass count as one prompt with the same
    number of token pairs. Contexts of unequal length take the mean plus the measured share of the way to the longest.

    With `ranks` above 1, one replica stands for that many engines in step that share the experts of each layer:
    prompts are dealt to the ranks in turn, decodes evenly, the slowest rank sets the pace, and every layer exchanges
    tokens over the device's link. Give the engine `ranks` times the seats and the budget of one rank.

    Reference: Cho et al., "LLMServingSim: a HW/SW co-simulation infrastructure for LLM inference serving at scale",
    2024; Agrawal et al., "Vidur: a large-scale simulation framework for LLM inference", 2024.
    """

    path: FilePath
    "Folder of the profile."
    attention: FilePath | None = None
    "File of the attention table, for formats that keep it elsewhere; by default beside the layers."
    network: FilePath | None = None
    "File of measured all-reduces; by default the ring formula over the device's link."
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
        """Return the profile, flat; `evenly.hardware.profiles.pack` says how.

        Raises `ValueError` if the folder holds no profile of this model on so many devices.
        """
        measured = load(self.path, model, device, tensor, self.ranks, self.attention, self.network)
        sends = exchange(model, device, self.ranks) if self.ranks > 1 and model.experts else None
        layer, _ = with_reduce(measured, model, device, tensor)
        return pack(measured, layer, model.layers, self.host, self.ranks, self.graph, sends)

    def facts(self) -> dict[str, str | int | float]:
        """Return where the times come from and what was assumed beside them."""
        return {
            "profile": self.path,
            **describe(self.path),
            "host overhead": self.host,
            "prompts of one pass": "as one prompt with as many token pairs",
            "shortest context of a batch": "0 in the measure of its skew",
            "ranks": self.ranks,
            "routing": "tokens choose experts evenly",
        }
