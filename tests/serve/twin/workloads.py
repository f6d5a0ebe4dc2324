"""Random workloads for the twin and the kernel: small, tight, and full of ties."""

from dataclasses import replace
from typing import Any

import numpy as np

from evenly.serve.orders.deficit_round_robin import DeficitRoundRobin
from evenly.serve.orders.fair_programs import FairPrograms
from evenly.serve.orders.least_attained_service import LeastAttainedService
from evenly.serve.orders.program_first_come import ProgramFirstCome
from evenly.serve.orders.shortest_prompt import ShortestPrompt
from evenly.serve.orders.shortest_remaining import ShortestRemaining
from evenly.serve.orders.slo_slack import SloSlack
from evenly.serve.orders.virtual_token_counter import VirtualTokenCounter
from tests.serve.twin.jobs import Job, Setup, ceil

ENGINES = ("vllm-v0", "vllm-v0-chunked", "vllm-v1", "sarathi", "orca", "fastgen")
ORDERS: dict[str, tuple[Any, ...]] = {
    "program-first-come": (ProgramFirstCome(),),
    "least-attained-service": (LeastAttainedService(), LeastAttainedService(3.0, levels=3, first=16.0)),
    "shortest-remaining": (ShortestRemaining(), ShortestRemaining(1.0, error=0.7, aging=20.0)),
    "shortest-prompt": (ShortestPrompt(100.0),),
    "slo-slack": (SloSlack(0.2, rate=300.0),),
    "virtual-token-counter": (VirtualTokenCounter(), VirtualTokenCounter(3.0, 1.0)),
    "fair-programs": (FairPrograms(7), FairPrograms(60, 1.0, 3.0)),
    "deficit-round-robin": (DeficitRoundRobin(7), DeficitRoundRobin(60, 1.0, 3.0)),
}
TTLS = (0.004, 0.06, 0.5, 9.0)  # seconds that blocks are kept: less than a pass, some passes, more than any pause
PAUSES = (0.0, 0.013, 0.4)  # seconds between the turns of a session; 0 makes them arrive as a pass ends


def workload(engine: str, seed: int) -> tuple[Setup, list[Job]]:
    """Return an engine with random parameters and jobs that press against its limits."""
    chance = np.random.default_rng((ENGINES.index(engine), seed))
    jobs = _jobs(chance)
    if chance.random() < 0.3:
        for job in jobs:
            job.priority = int(chance.integers(0, 3))
    return _setup(engine, jobs, chance), jobs


def ordered(order: str, seed: int) -> tuple[Setup, list[Job]]:
    """Return a workload of several users whose requests stand in another order, on any engine."""
    chance = np.random.default_rng((7, sorted(ORDERS).index(order), seed))
    setup, jobs = workload(str(chance.choice(ENGINES)), int(chance.integers(1 << 30)))
    chosen = ORDERS[order][int(chance.integers(len(ORDERS[order])))]
    for job in jobs:
        job.user = int(chance.integers(0, 4))
        job.deadline = float(chance.choice([0.05, 1.0, np.inf]))
    return replace(setup, order=chosen, seed=seed, priority=False, delay=0.0), jobs


def retained(seed: int) -> tuple[Setup, list[Job]]:
    """Return programs of several turns on an engine that keeps their blocks, under first come or another order."""
    chance = np.random.default_rng((8, seed))
    jobs = _jobs(chance, str(chance.choice(["sessions", "chains", "programs"])))
    setup = replace(_setup("vllm-v1", jobs, chance), cache=True, priority=False, ttl=float(chance.choice(TTLS)))
    if chance.random() < 0.5:
        orders = [one for several in ORDERS.values() for one in several if not isinstance(one, FairPrograms)]
        setup = replace(setup, order=orders[int(chance.integers(len(orders)))])
    return setup, jobs


def offloaded(seed: int) -> tuple[Setup, list[Job]]:
    """Return programs, or prompts that begin alike, on an engine with a host cache, beside kept blocks or not."""
    chance = np.random.default_rng((9, seed))
    jobs = _jobs(chance, str(chance.choice(["prefixes", "sessions", "programs"])))
    setup = replace(_setup("vllm-v1", jobs, chance), cache=True, host_cache=int(chance.choice([1, 3, 20, 1000])))
    if chance.random() < 0.3:
        setup = replace(setup, ttl=float(chance.choice(TTLS)), priority=False)
    return setup, jobs


def _jobs(chance: np.random.Generator, kind: str = "") -> list[Job]:
    count = int(chance.integers(1, 16))
    far = int(chance.choice([12, 50, 120]))
    pace = float(chance.choice([0.0, 0.02, 0.1]))
    arrival = np.cumsum(chance.exponential(pace, count) * (chance.random(count) < 0.7)) if pace else np.zeros(count)
    jobs = [
        Job(
            index=i,
            arrival=float(arrival[i]),
            prompt=int(chance.integers(1, far)),
            output=int(chance.integers(1, 40)) if chance.random() < 0.9 else 1,
        )
        for i in range(count)
    ]
    kind = kind or chance.choice(["alone", "prefixes", "sessions", "chains", "programs"])
    if kind == "prefixes":
        _share(jobs, chance)
    elif kind != "alone":
        _chain(jobs, chance, share=kind != "chains")
    if kind == "programs":
        _instruct(jobs, chance)
    return jobs


def _share(jobs: list[Job], chance: np.random.Generator) -> None:
    """Let prompts of a few families begin alike; ids cover pieces of tokens, the last one may be partial."""
    piece = int(chance.choice([4, 8, 16, 24]))
    for job in jobs:
        family = int(chance.integers(0, 3))
        pieces = ceil(job.prompt, piece)
        common = int(chance.integers(0, pieces + 1))
        own = [1000 * (job.index + 10) + k for k in range(common, pieces)]
        job.ids = tuple([100 * family + k for k in range(common)] + own)
        job.id_block = piece


def _chain(jobs: list[Job], chance: np.random.Generator, share: bool) -> None:
    """Let turns of conversations wait for one another; those that share repeat all that was said before."""
    last: dict[int, Job] = {}
    for job in jobs:
        session = int(chance.integers(0, max(1, len(jobs) // 3)))
        job.session = session if share else -1
        if session in last:
            job.after, job.pause = last[session].index, float(chance.choice(PAUSES))
            if share:
                job.prompt = last[session].prompt + last[session].output + int(chance.integers(0, 20))
        last[session] = job


def _instruct(jobs: list[Job], chance: np.random.Generator) -> None:
    """Let all prompts begin with the same instructions, whole pieces as far as a prompt goes."""
    piece, pieces = int(chance.choice([4, 8, 16])), int(chance.integers(1, 6))
    for job in jobs:
        job.ids = tuple(range(min(pieces, job.prompt // piece)))
        job.id_block = piece


def _setup(engine: str, jobs: list[Job], chance: np.random.Generator) -> Setup:
    block = int(chance.choice([1, 4, 16]))
    longest = max(job.prompt + job.output for job in jobs) + int(chance.integers(-3, 10))
    alone = max(ceil(job.prompt + job.output, block) for job in jobs)  # the largest fits
    blocks = alone + int(chance.integers(-1, 2 + alone * chance.choice([0, 1, 6])))
    made = Setup(
        engine=engine,
        blocks=max(2, blocks),
        block=block,
        longest=max(2, longest),
        seats=int(chance.choice([1, 2, 5, 64])),
        priority=engine in ("vllm-v0", "vllm-v1") and bool(chance.random() < 0.35),
    )
    cut = int(chance.choice([1, 3, 8, 30, 100]))
    if engine == "vllm-v0":
        whole = made.longest + int(chance.choice([0, 5, 60]))
        delay = float(chance.choice([0.0, 0.0, 0.5, 4.0]))
        made = replace(made, budget=whole, delay=0.0 if made.priority else delay)
    elif engine == "vllm-v1":
        chunked = bool(chance.random() < 0.8)
        threshold = int(chance.choice([2, 7, 1 << 40]))
        budget = max(cut, made.seats) if chunked else max(made.longest, made.seats)
        made = replace(made, budget=budget, chunked=chunked, threshold=threshold, cache=bool(chance.random() < 0.7))
        if chance.random() < 0.6:
            made = replace(made, release="0.32", whole=bool(chance.random() < 0.7))
            made = replace(made, watermark=int(chance.integers(0, min(3, made.blocks))))
    elif engine == "fastgen":
        made = replace(made, budget=cut, batch=int(chance.choice([1, 3, 64])))
    elif engine == "vllm-v0-chunked":
        made = replace(made, budget=max(cut, made.seats))
    elif engine == "sarathi":
        made = replace(made, budget=cut)
    if engine in ("vllm-v0", "vllm-v0-chunked", "sarathi"):
        made = replace(made, watermark=int(chance.integers(0, min(3, made.blocks))))
    if engine in ("vllm-v0", "vllm-v0-chunked"):
        made = replace(made, swap=bool(chance.random() < 0.5) and not made.priority)
    return made
