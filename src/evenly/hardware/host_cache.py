"""Host memory as a second cache of computed tokens, and what it takes to copy them."""

from dataclasses import dataclass

from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True)
class HostCache:
    """Host memory in which blocks of the KV cache are kept, behind a link to the device.

    A block lies in two tensors a layer, keys and values, so a copy of a run of adjacent blocks is `2 x layers` copies;
    each of them costs its dispatch, all together at least their bytes over the bandwidth. Allocated one by one, blocks
    are scattered and every run is one block; block groups make runs of many.

    Reference: Shen et al., "FastSwitch", 2024; a dispatch of 10 us with runs of one block gives the 3.1 GB/s that were
    measured of vLLM's page loop on an A100 (vllm-project/vllm issue 11531).
    """

    size: float = 60e9
    "Bytes for each device."
    bandwidth: float = 24e9
    "Bytes a second each way: PCIe 4.0 x16."
    dispatch: float = 10e-6
    "Seconds of one copy beside its bytes."
    run: float = 1.0
    "Adjacent blocks that are copied at once, on average."

    def __post_init__(self) -> None:
        for name, least in (("size", 0.0), ("dispatch", 0.0), ("run", 1.0)):
            if not least <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} of a host cache is at least {least:g}, not {getattr(self, name)}")
        if not 0 < self.bandwidth < float("inf"):
            raise ValueError(f"bandwidth of a host cache is a positive number of bytes/s, not {self.bandwidth}")

    def seconds(self, model: Model, block_bytes: float) -> float:
        """Return the seconds to copy one block of `block_bytes` on a device.

        >>> from evenly.hardware.model import model
        >>> block = 16 * model("llama-3.1-8b").kv_bytes_on(1)
        >>> f"{block / HostCache().seconds(model('llama-3.1-8b'), block) / 1e9:.1f} GB/s"
        '3.3 GB/s'
        """
        return max(2 * model.layers * self.dispatch / self.run, block_bytes / self.bandwidth)
