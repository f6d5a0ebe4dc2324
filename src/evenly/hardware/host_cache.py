"""Host memory as a second cache of computed tokens, and what it takes to copy them."""

from dataclasses import dataclass


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
    run: float = 1.0
    "Adjacent blocks that are copied at once, on average."

    def __post_init__(self) -> None:
        for name, least in (("size", 0.0), ("run", 1.0)):
            if not least <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} of a host cache is at least {least:g}, not {getattr(self, name)}")

    def seconds(self, layers: int, block_bytes: float, dispatch: float, bandwidth: float) -> float:
        """Return the seconds to copy one block of a model, at `dispatch` seconds a copy and `bandwidth` bytes/s.

        >>> block = 2 * 32 * 32_768  # 16 tokens of an 8B model: keys and values of 32 layers
        >>> f"{block / HostCache().seconds(32, block, 10e-6, 24e9) / 1e9:.1f} GB/s"
        '3.3 GB/s'
        """
        return max(2 * layers * dispatch / self.run, block_bytes / bandwidth)
