"""Which parts are on, and how large a run is."""

from dataclasses import dataclass, fields, replace
from typing import Self

from evenly.hosts.torch.experts.gpt import Size


@dataclass(frozen=True, slots=True)
class Parts:
    """A switch for each part; off is what trainings usually do."""

    batches: bool = False
    "Micro-batches of equal cost; off: of as many documents, as they come."
    unpadded: bool = False
    "Documents in one row; off: each in a row of its own, padded to the longest of the micro-batch."
    vocabulary: bool = False
    "Both tables of the vocabulary on all ranks; off: on the first rank and on the last one."
    experts: bool = False
    "Prices that follow the loads of experts; off: nothing does."
    checkpoints: bool = False
    "Copied while forward and backward run; off: `torch.save`, which the training waits for."
    auxiliary: float = 0.0
    "Factor of an auxiliary loss over the loads of experts: no part of evenly, but what its prices stand beside."

    @classmethod
    def named(cls, names: str) -> Self:
        """Return parts from `all`, `none`, or names with commas between them; raise `ValueError` for other names."""
        known = [entry.name for entry in fields(cls) if entry.type is bool]
        chosen = {"all": known, "none": []}.get(names, names.split(","))
        if unknown := [name for name in chosen if name not in known]:
            raise ValueError(f"no part '{unknown[0]}'; there are {', '.join(known)}, and all or none of them")
        return replace(cls(), **dict.fromkeys(chosen, True))


@dataclass(frozen=True, slots=True)
class Run:
    """How large a run is; the defaults take some seconds."""

    size: Size = Size(vocabulary=4096, layers=2, width=96, heads=4, experts=8, active=2, inner=48, length=256)  # noqa: RUF009 a frozen value
    micro: int = 8
    "Micro-batches of a step."
    documents: int = 4
    "Of a micro-batch, on average."
    steps: int = 26
    every: int = 6
    "Steps from one checkpoint to the next."
    rate: float = 3e-3
    seed: int = 0
    double: bool = False
    "Weights in float64, in which parts that change no result differ by rounding alone."

    @property
    def batch(self) -> int:
        """Return the documents of a step."""
        return self.micro * self.documents
