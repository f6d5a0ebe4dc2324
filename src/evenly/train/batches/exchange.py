"""Sequences that ranks exchange so that each can compute others than it read."""

from dataclasses import dataclass

from evenly.hardware.device import link


@dataclass(frozen=True, slots=True)
class Exchange:
    """Every rank gathers the sequences of all ranks, and keeps those that it is dealt.

    Needed where lengths are known only once the data are read; where they are known ahead, a sampler deals without it.

    Reference: Baidu's submission to MLPerf Training 2.0 (BERT), whose readers gather the next file while trainers
    compute; NVIDIA's gathers before each step (`--exchange_padding`).

    >>> round(Exchange(link="pcie4").seconds(ranks=8, batch=56) * 1e6)
    79
    """

    hidden: bool = True
    "Whether the sequences of a step are gathered while the step before is computed; else they are waited for."
    link: str = "nvlink3"
    "Name of the link between ranks."
    size: int = 4100
    "Bytes of a sequence: ids, segments, mask and labels of 512 tokens and two numbers more, 16 bits each."

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is at least 1 byte, not {self.size}")

    def check(self) -> None:
        """Raise `ValueError` for a link that is not known."""
        link(self.link)

    def seconds(self, ranks: int, batch: int) -> float:
        """Return the seconds in which a rank gets `batch` sequences of each of the others."""
        wire = link(self.link)
        return wire.latency + (ranks - 1) * batch * self.size / wire.bandwidth if ranks > 1 else 0.0
