"""Prices beside an auxiliary loss and no balance: what they cost a training step, and what a training reaches.

Arms take turns step by step; times are CPU seconds of one thread. Needs torch.
"""

import sys
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import torch

from benchmarks.figures import Figure
from benchmarks.turns import ratio, taken
from evenly.hosts.torch.experts import BiasBalancer, Router
from evenly.hosts.torch.experts.gpt import Gpt, Size
from evenly.hosts.torch.experts.router import extra_loss
from evenly.hosts.torch.experts.train import ARMS, Reached, Training, trained
from evenly.train.experts.balancers.sign import Sign

LAYERS, EXPERTS, ACTIVE = 58, 256, 8  # of DeepSeek-V3
TOKENS, WIDTH = 4096, 512
ROUNDS = 9
DEAR = 1.05  # by how much a step with prices may exceed one with an auxiliary loss
LOSS, ALONE, PRICES = "auxiliary 1e-3", "left alone", "sign 1e-3"
SEEDS = {LOSS: 3, PRICES: 3, ALONE: 1, "auxiliary 1e-2": 1, "sign 1e-4": 1, "sign 1e-2": 1}
EVEN, FIFTH, WORSE = 0.1, 0.2, 1.005  # required of MaxVio, of it over the auxiliary loss', and of perplexity over its


def measure() -> list[Figure]:
    """Return ratios in CPU time, then what every arm reaches on text that it was not trained on."""
    torch.set_num_threads(1)
    return [*costs(), *reached()]


def costs() -> list[Figure]:
    """Return the CPU time of a router, of a balancer's step and of a training step, by how experts are balanced."""
    router = taken({LOSS: route(1e-3, False), PRICES: route(0.0, True), ALONE: route(0.0, False)}, ROUNDS)
    steps = taken({name: train(name) for name in (LOSS, PRICES, ALONE)}, ROUNDS)
    whole = taken({"balancer": balance()}, ROUNDS)["balancer"]
    figures = [Figure.of(f"router of 256 experts, 4,096 tokens, {name}", times, "CPU s") for name, times in router.items()]
    figures += [Figure.of(f"training step of the language model, {name}", times, "CPU s") for name, times in steps.items()]
    figures.append(Figure.of("update of the prices of 58 layers of 256 experts", whole, "CPU s"))
    for told, times in (("router", router), ("training step", steps)):
        figures.append(ratio(f"{told}, prices over auxiliary loss", times, PRICES, LOSS, DEAR))
        figures.append(ratio(f"{told}, prices over left alone", times, PRICES, ALONE))
    return figures


def route(balance_loss: float, priced: bool) -> Callable[[], None]:
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


def train(arm: str) -> Callable[[], None]:
    """Return a training step of the language model under an arm; where nothing moves prices, nothing counts."""
    torch.manual_seed(0)
    model = Gpt(Size(), ARMS[arm].balance_loss)
    optimizer = torch.optim.AdamW(model.parameters())
    if arm == PRICES:
        BiasBalancer(model, ARMS[arm].rule).follow(optimizer)
    text = torch.from_numpy(np.random.default_rng(0).integers(0, 128, (4, 129)))

    def step() -> None:
        (model(text) + extra_loss(model)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def balance() -> Callable[[], None]:
    """Return a balancer's step over as many routers as DeepSeek-V3 has."""
    model = torch.nn.ModuleList(Router(4, EXPERTS, ACTIVE) for _ in range(LAYERS))
    balancer = BiasBalancer(model, Sign())

    def step() -> None:
        for router in model:
            router.counts += 1
        balancer.step()

    return step


def reached() -> list[Figure]:
    """Return MaxVio and perplexity of the arms, over seeds, after a training of the published kind of size."""
    training, found = Training(), {}
    for name, seeds in SEEDS.items():
        for seed in range(seeds):
            print(f"training: {name}, seed {seed}", file=sys.stderr, flush=True)
            found[name, seed] = trained(ARMS[name], training, seed)
    told = f"{training.steps:,} steps of {training.batch * training.size.length:,} symbols"
    figures = []
    for name, seeds in SEEDS.items():
        runs = [found[name, seed] for seed in range(seeds)]
        for field in (f for f in fields(Reached) if f.name in SHOWN):
            limit = EVEN if (name, field.name) == (PRICES, "violation") else None
            values = [getattr(run, field.name) for run in runs]
            figures.append(Figure.of(f"{name}, {told}: {SHOWN[field.name]}", values, "", limit))
    for attribute, limit in (("violation", FIFTH), ("perplexity", WORSE)):
        pairs = [[getattr(found[name, seed], attribute) for seed in range(SEEDS[LOSS])] for name in (PRICES, LOSS)]
        values = [ours / theirs for ours, theirs in zip(*pairs, strict=True)]
        figures.append(Figure.of(f"{SHOWN[attribute]}, {PRICES} over {LOSS}", values, "x", limit))
    return figures


SHOWN = {
    "perplexity": "perplexity of a symbol",
    "violation": "MaxVio global",
    "batch": "MaxVio of a batch",
    "dead": "dead experts, share",
}
