"""Seconds of a training step with experts spread over devices."""

from dataclasses import dataclass

from evenly.hardware.device import device
from evenly.hardware.model import Model, model

PASSES = 6.0  # operations a weight and token: two forward, four backward


@dataclass(frozen=True, slots=True)
class Costs:
    """What a token costs in a layer of a model, from its weights; networks and memory are taken to be hidden."""

    model: str = "deepseek-v2-lite"
    "Name of a model with experts: how large an expert is, and what a layer computes besides."
    device: str = "h100"
    "Name of an accelerator."
    utilisation: float = 0.4
    "Share of its peak that matrix products reach in training."

    def __post_init__(self) -> None:
        if not 0.0 < self.utilisation <= 1.0:
            raise ValueError(f"utilisation is above 0 and at most 1, not {self.utilisation}")

    def check(self) -> None:
        """Raise `ValueError` for a device that is not known, and a model that is not or has no experts."""
        device(self.device)
        if not model(self.model).experts:
            raise ValueError(f"costs.model '{self.model}' has no experts; take a mixture of experts")

    def seconds(self) -> tuple[float, float]:
        """Return seconds of a token in one expert, and in all else of a layer."""
        found: Model = model(self.model)
        rate = self.utilisation * device(self.device).flops
        other = found.attention_parameters + found.shared * found.expert_parameters + found.hidden * found.experts
        return PASSES * found.expert_parameters / rate, PASSES * other / rate

    def relative(self, active: int, violation: float) -> float:
        """Return the time of a step over that of even loads, if the fullest device has `violation` above the mean.

        >>> round(Costs().relative(active=6, violation=0.72), 2)
        1.45
        """
        in_expert, other = self.seconds()
        return 1.0 + active * in_expert / (active * in_expert + other) * violation
