"""Trains the small language model with its experts left alone, under an auxiliary loss, and under prices.

`python -m evenly.hosts.torch.experts.train` trains all arms and prints what each reaches. The text is the language
reference that ships with Python, in `pydoc_data`.
"""

import time
from dataclasses import astuple, dataclass, fields

import numpy as np
import torch
from torch import Tensor

from evenly.core import Ints
from evenly.hosts.torch.experts.balancer import BiasBalancer
from evenly.hosts.torch.experts.gpt import Gpt, Size
from evenly.hosts.torch.experts.router import Router, extra_loss
from evenly.hosts.torch.experts.text import pages
from evenly.train.experts.balancers import Balancer
from evenly.train.experts.balancers.nothing import Nothing
from evenly.train.experts.balancers.proportional import Proportional
from evenly.train.experts.balancers.sign import Sign
from evenly.train.experts.costs import Costs
from evenly.train.experts.routing import violation

BLOCK, HELD_OUT = 1024, 10  # symbols; every so many blocks one is validated on
DEAD = 0.1  # of the mean load


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to balance."""

    rule: Balancer = Nothing()  # noqa: RUF009 a frozen value
    balance_loss: float = 0.0
    sequence_loss: float = 0.0


ARMS = {
    "left alone": Arm(),
    "auxiliary 1e-3": Arm(balance_loss=1e-3),
    "auxiliary 1e-2": Arm(balance_loss=1e-2),
    "sign 1e-4": Arm(Sign(1e-4)),
    "sign 1e-3": Arm(Sign(1e-3)),
    "sign 1e-2": Arm(Sign(1e-2)),
    "sign 1e-3, sequence 1e-4": Arm(Sign(1e-3), sequence_loss=1e-4),
    "proportional 1e-2": Arm(Proportional(1e-2)),
}


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how fast."""

    size: Size = Size()  # noqa: RUF009 a frozen value
    steps: int = 1000
    batch: int = 16
    rate: float = 2e-3
    warmup: int = 50
    validation: int = 32
    "Batches."

    def ramp(self, step: int) -> float:
        """Return the share of the learning rate at a step: up in a line, then down half a cosine to a tenth."""
        gone = max(0.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return float(min(1.0, (step + 1) / self.warmup) * (0.55 + 0.45 * np.cos(np.pi * min(1.0, gone))))


QUICK = Training(Size(layers=2, width=32, heads=2, inner=16), rate=3e-3)
"For claims: steps, batch and experts as of the larger one, a narrower model of fewer layers; 40 s an arm."
CLAIMED = {"auxiliary": "auxiliary 1e-3", "prices": "sign 1e-3"}
"Factor and rate are the published ones."


@dataclass(frozen=True, slots=True)
class Reached:
    """What an arm reaches, on text that it was not trained on."""

    perplexity: float
    "Per symbol."
    violation: float
    "MaxVio over the whole validation, mean of layers."
    batch: float
    "MaxVio of a batch of validation, mean of batches and layers."
    dead: float
    "Share of experts with less than a tenth of the mean load."
    relative: float
    "Modelled time of a step over that of even loads, with an expert a device, for the costs of DeepSeek-V2-Lite."
    seconds: float
    "CPU time of a training step."


def corpus(vocabulary: int) -> tuple[Tensor, Tensor]:
    """Return text to train on and to validate on as symbols [N]; raise `ValueError` where Python ships none."""
    whole = "".join(pages()).encode("ascii", "replace")
    text = torch.from_numpy(np.frombuffer(whole, np.uint8).astype(np.int64) % vocabulary)
    held = torch.arange(len(text)) // BLOCK % HELD_OUT == 0
    return text[~held], text[held]


def draw(text: Tensor, training: Training, chance: np.random.Generator) -> Tensor:
    """Return sequences [B, L + 1] from random places."""
    length = training.size.length + 1
    at = chance.integers(0, len(text) - length, training.batch)
    return torch.stack([text[k : k + length] for k in at.tolist()])


def trained(arm: Arm, training: Training, seed: int) -> Reached:
    """Train one arm on one thread and validate it; equal seeds have equal weights, text and order."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = Gpt(training.size, arm.balance_loss, arm.sequence_loss)
    train, held = corpus(training.size.vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ramp = torch.optim.lr_scheduler.LambdaLR(optimizer, training.ramp)
    BiasBalancer(model, arm.rule).follow(optimizer)
    chance = np.random.default_rng([seed, 51])
    start = time.process_time()
    for _ in range(training.steps):
        loss = model(draw(train, training, chance)) + extra_loss(model)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ramp.step()
    seconds = (time.process_time() - start) / training.steps
    return validated(model, held, training, seconds)


def validated(model: Gpt, held: Tensor, training: Training, seconds: float) -> Reached:
    """Return what the model reaches on the same batches for every arm and seed."""
    experts = training.size.experts
    seen: list[Ints] = []
    hooks = [
        module.register_forward_hook(
            lambda module, args, output: seen.append(torch.bincount(output[1].flatten(), minlength=experts).numpy())
        )
        for module in model.modules()
        if isinstance(module, Router)
    ]
    model.eval()
    chance = np.random.default_rng(52)
    with torch.no_grad():
        losses = [float(model(draw(held, training, chance))) for _ in range(training.validation)]
    model.train()
    for hook in hooks:
        hook.remove()
    counts = np.stack(seen).reshape(training.validation, len(hooks), experts)
    total = counts.sum(axis=0)
    each = float(np.mean([violation(row) for row in counts.reshape(-1, experts)]))
    return Reached(
        float(np.exp(np.mean(losses))),
        float(np.mean([violation(row) for row in total])),
        each,
        float((total < DEAD * total.mean(axis=1, keepdims=True)).mean()),
        Costs().relative(training.size.active, each),
        seconds,
    )


def compared(training: Training = QUICK, seeds: int = 3) -> dict[str, float]:
    """Return what the arms of `CLAIMED` reach, means over seeds, and ratios of prices to the auxiliary loss."""
    figures: dict[str, float] = {}
    for key, label in CLAIMED.items():
        found = np.mean([astuple(trained(ARMS[label], training, seed)) for seed in range(seeds)], axis=0)
        figures |= {f"{key}_{f.name}": float(value) for f, value in zip(fields(Reached), found, strict=True)}
    figures["violation_ratio"] = figures["prices_violation"] / figures["auxiliary_violation"]
    figures["perplexity_ratio"] = figures["prices_perplexity"] / figures["auxiliary_perplexity"]
    return figures


def main() -> None:
    """Train all arms on three seeds and print the mean of what each reaches."""
    names = [field.name for field in fields(Reached)]
    print(f"{'':26}" + "".join(f"{name:>12}" for name in names))
    for label, arm in ARMS.items():
        found = np.mean([astuple(trained(arm, Training(), seed)) for seed in range(3)], axis=0)
        print(f"{label:26}" + "".join(f"{value:12.4g}" for value in found), flush=True)


if __name__ == "__main__":
    main()
