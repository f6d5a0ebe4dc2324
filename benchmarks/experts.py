"""What prices cost a router and a training step, beside the auxiliary loss that users have, and no balance.

Arms take turns step by step; times are CPU seconds of one thread. Needs torch and transformers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.figures import Figure
from benchmarks.turns import ratio, taken
from evenly.hosts.torch.experts import BiasBalancer, Router, adopt
from evenly.hosts.torch.experts.gpt import Gpt, Size
from evenly.hosts.torch.experts.router import extra_loss
from evenly.hosts.torch.experts.train import ARMS

LAYERS, EXPERTS, ACTIVE = 58, 256, 8  # of DeepSeek-V3
TOKENS, WIDTH = 4096, 512
ROUNDS = 9
DEAR = 1.05  # by how much a step with prices may exceed one with an auxiliary loss
LOSS, PRICES, ALONE = "auxiliary 1e-3", "sign 1e-3", "left alone"
THEIRS, THEIR_LOSS, ADOPTED = "Mixtral's, left alone", "Mixtral's, its auxiliary loss", "Mixtral's, adopted, prices"


def measure() -> list[Figure]:
    """Return the CPU time of routers, training steps and a balancer's step, and ratios by how experts are balanced."""
    torch.set_num_threads(1)
    routers = taken({name: route(name) for name in (LOSS, PRICES, ALONE)} | mixtral(), ROUNDS)
    steps = taken({name: train(name) for name in (LOSS, PRICES, ALONE)}, ROUNDS)
    figures = [Figure.of(f"router of 256 experts, {name}", times, "CPU s") for name, times in routers.items()]
    figures += [Figure.of(f"training step, {name}", times, "CPU s") for name, times in steps.items()]
    for told, times in (("router", routers), ("training step", steps)):
        figures.append(ratio(f"{told}, prices over auxiliary loss", times, PRICES, LOSS, DEAR))
        figures.append(ratio(f"{told}, prices over left alone", times, PRICES, ALONE))
    figures.append(ratio("our router with prices over Mixtral's with its loss", routers, PRICES, THEIR_LOSS))
    figures.append(ratio("Mixtral's router adopted over Mixtral's with its loss", routers, ADOPTED, THEIR_LOSS))
    updates = taken({"update": update()}, ROUNDS)["update"]
    return [*figures, Figure.of("update of the prices of 58 layers of 256 experts", updates, "CPU s")]


def hidden() -> Tensor:
    """Return hidden states, [B, L, D]."""
    torch.manual_seed(0)
    return torch.randn(8, TOKENS // 8, WIDTH)


def route(arm: str) -> Callable[[], None]:
    """Return a forward and backward pass of our router under an arm."""
    states = hidden()
    router = Router(WIDTH, EXPERTS, ACTIVE, balance_loss=ARMS[arm].balance_loss)
    balancer = BiasBalancer(router, ARMS[arm].rule)

    def step() -> None:
        weights, _ = router(states)
        (weights.square().mean() + extra_loss(router)).backward()
        if arm == PRICES:
            balancer.step()

    return step


def mixtral() -> dict[str, Callable[[], None]]:
    """Return forward and backward passes of Hugging Face's router: alone, with its auxiliary loss, adopted."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralTopKRouter, load_balancing_loss_func

    states = hidden()
    config = MixtralConfig(hidden_size=WIDTH, num_local_experts=EXPERTS, num_experts_per_tok=ACTIVE)

    def made() -> Any:
        router = MixtralTopKRouter(config)
        nn.init.normal_(router.weight, std=WIDTH**-0.5)
        return router

    def step(router: Any, factor: float, balancer: BiasBalancer | None) -> None:
        logits, weights, _ = router(states)
        loss = weights.square().mean()
        if factor:
            loss = loss + factor * load_balancing_loss_func((logits,), EXPERTS, ACTIVE)
        loss.backward()
        if balancer is not None:
            balancer.step()

    alone, balanced, adopted = made(), made(), adopt(made())
    balancer = BiasBalancer(adopted)
    return {
        THEIRS: lambda: step(alone, 0.0, None),
        THEIR_LOSS: lambda: step(balanced, 1e-3, None),
        ADOPTED: lambda: step(adopted, 0.0, balancer),
    }


def train(arm: str) -> Callable[[], None]:
    """Return a training step of the language model under an arm."""
    torch.manual_seed(0)
    model = Gpt(Size(), ARMS[arm].balance_loss, ARMS[arm].sequence_loss)
    optimizer = torch.optim.AdamW(model.parameters())
    if arm == PRICES:
        BiasBalancer(model, ARMS[arm].rule).follow(optimizer)
    text = torch.from_numpy(np.random.default_rng(0).integers(0, 128, (4, 129)))

    def step() -> None:
        (model(text) + extra_loss(model)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def update() -> Callable[[], None]:
    """Return a balancer's step over as many routers as DeepSeek-V3 has."""
    model = nn.ModuleList(Router(4, EXPERTS, ACTIVE) for _ in range(LAYERS))
    balancer = BiasBalancer(model)

    def step() -> None:
        for router in model:
            router.counts += 1
        balancer.step()

    return step
