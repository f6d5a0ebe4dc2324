"""What prices cost and bring in a training, beside an auxiliary loss, in one run.

Needs torch: `.venv-vllm/bin/python -m benchmarks.experts`. Arms take turns step by step, so that a machine that slows
down does so for all; every figure of time is CPU time, and the least of several rounds.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from benchmarks.calibration import machine
from benchmarks.figures import Figure, keep, publish, table
from evenly.hosts.torch.experts import BiasBalancer, Router
from evenly.hosts.torch.experts.gpt import Gpt, Size
from evenly.hosts.torch.experts.router import extra_loss
from evenly.hosts.torch.experts.train import ARMS, QUICK, Training, trained
from evenly.train.experts.balancers.sign import Sign

LAYERS, EXPERTS, ACTIVE = 58, 256, 8  # of DeepSeek-V3
TOKENS, WIDTH = 4096, 512
ROUNDS = 7
LONGER = replace(QUICK, steps=1500)
SHOWN = ("left alone", "auxiliary 1e-3", "auxiliary 1e-2", "sign 1e-3", "sign 1e-3, sequence 1e-4")


def least(work: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the least CPU time of each piece of work, in seconds; all take turns."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, piece in work.items():
            start = time.process_time()
            piece()
            taken[name].append(time.process_time() - start)
    return {name: min(found) for name, found in taken.items()}


def router_step(balance_loss: float, priced: bool) -> Callable[[], None]:
    """Return a forward and backward pass of one router, with or without a balancer's step."""
    torch.manual_seed(0)
    router = Router(WIDTH, EXPERTS, ACTIVE, balance_loss=balance_loss)
    hidden = torch.randn(8, TOKENS // 8, WIDTH)
    balancer = BiasBalancer(router, Sign()) if priced else None

    def step() -> None:
        weights, _ = router(hidden)
        (weights.square().mean() + extra_loss(router)).backward()
        if balancer is not None:
            balancer.step()

    return step


def train_step(arm: str) -> Callable[[], None]:
    """Return a training step of the small language model under an arm."""
    torch.manual_seed(0)
    model = Gpt(Size(), ARMS[arm].balance_loss)
    optimizer = torch.optim.AdamW(model.parameters())
    BiasBalancer(model, ARMS[arm].rule).follow(optimizer)
    text = torch.from_numpy(np.random.default_rng(0).integers(0, 128, (4, 129)))

    def step() -> None:
        (model(text) + extra_loss(model)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def balancer_step() -> Callable[[], None]:
    """Return a balancer's step over as many routers as DeepSeek-V3 has."""
    model = torch.nn.ModuleList(Router(4, EXPERTS, ACTIVE) for _ in range(LAYERS))
    balancer = BiasBalancer(model, Sign())

    def step() -> None:
        for router in model:
            router.counts += 1
        balancer.step()

    return step


def costs() -> list[Figure]:
    """Return the CPU time of routers, balancer and training steps."""
    routers = least(
        {"plain": router_step(0.0, False), "aux": router_step(1e-3, False), "prices": router_step(0.0, True)}
    )
    steps = least({name: train_step(name) for name in ("left alone", "auxiliary 1e-3", "sign 1e-3")})
    whole = least({"balancer": balancer_step()})["balancer"]
    return [
        Figure("router of 256 experts, 4,096 tokens, forward and backward, auxiliary loss", routers["aux"], "CPU s"),
        Figure("the same, prices and their update", routers["prices"], "CPU s"),
        Figure("prices over auxiliary loss", routers["prices"] / routers["aux"], "x", 1.05),
        Figure("update of the prices of 58 layers of 256 experts", whole, "CPU s"),
        Figure(
            "training step of the language model, sign over auxiliary loss",
            steps["sign 1e-3"] / steps["auxiliary 1e-3"],
            "x",
            1.05,
        ),
        Figure(
            "training step of the language model, sign over left alone",
            steps["sign 1e-3"] / steps["left alone"],
            "x",
            1.05,
        ),
    ]


def reached(training: Training) -> list[Figure]:
    """Return what the arms reach after a longer training, on one seed."""
    found = []
    for name in SHOWN:
        arm = trained(ARMS[name], training, seed=0)
        found += [
            Figure(f"{name}, {training.steps:,} steps, MaxVio global", arm.violation, ""),
            Figure(f"{name}, {training.steps:,} steps, perplexity of a symbol", arm.perplexity, ""),
        ]
    return found


def main() -> None:
    """Measure, keep the figures and renew the page."""
    torch.set_num_threads(1)
    facts = machine()
    figures = costs() + reached(LONGER)
    print(table(keep("experts", figures, facts)))
    publish()


if __name__ == "__main__":
    main()
