"""The lengths of kernels."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Kernels:
    """Round up to the next length for which there is a kernel; what is longer than all is computed at its own length.

    Reference: Baidu's submission to MLPerf Training 2.0 (BERT, `XMan4.0_1_node_8_A100_PaddlePaddle`), whose fused
    kernels exist for 128, 256, 384 and 512 tokens and run side by side on four streams.

    >>> Kernels().up(np.array([5, 128, 129, 600]))
    array([128, 128, 256, 600])
    """

    sizes: tuple[int, ...] = (128, 256, 384, 512)
    "Lengths of the kernels in tokens, ascending."

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"sizes are ascending lengths of at least 1 token, not {list(self.sizes)}")

    def up(self, lengths: Ints) -> Ints:
        """Return the length of the smallest kernel that holds each sequence."""
        sizes = np.array(self.sizes, np.int64)
        place = np.searchsorted(sizes, lengths)
        return np.where(place < len(sizes), sizes[np.minimum(place, len(sizes) - 1)], lengths)
