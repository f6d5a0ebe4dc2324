"""Random workloads that press against every limit of vLLM's scheduler; prompts and blocks of a real server's sizes."""

from dataclasses import replace

import numpy as np

from evenly.core import Floats
from tests.serve.twin.jobs import Job, Setup, ceil
from tests.serve.twin.kernel import FAR

KINDS = ("alone", "prefixes", "sessions", "programs")
PAUSES = (0.0, 0.02, 0.7)  # seconds between turns; 0 makes a turn arrive as a pass ends


def workload(seed: int) -> tuple[Setup, list[Job]]:
    """Return an engine with random parameters, and 10 to 40 requests."""
    chance = np.random.default_rng(seed)
    block = int(chance.choice([8, 16, 32]))
    chunked = bool(chance.random() < 0.75)
    jobs = _jobs(chance, block, crowded=not chunked)
    kind = KINDS[seed % len(KINDS)]
    if kind == "prefixes":
        _share(jobs, chance)
    if kind in ("sessions", "programs"):
        _converse(jobs, chance, instructed=kind == "programs")
    setup = _setup(jobs, block, chunked, chance)
    if setup.priority or chance.random() < 0.1:  # a priority without the policy changes nothing
        for job in jobs:
            job.priority = int(chance.integers(0, 3))
    return setup, jobs


def _jobs(chance: np.random.Generator, block: int, crowded: bool) -> list[Job]:
    count = int(chance.integers(10, 41))
    far = int(chance.choice([40, 100, 200]))
    return [
        Job(index=i, arrival=float(arrival), prompt=_prompt(chance, far, block), output=_output(chance))
        for i, arrival in enumerate(_arrivals(chance, count, crowded))
    ]


def _arrivals(chance: np.random.Generator, count: int, crowded: bool) -> Floats:
    """Return instants, some of which many requests share."""
    pace = float(chance.choice([0.0, 0.001, 0.02] if crowded else [0.0, 0.01, 0.05, 0.2]))
    alone = chance.random(count) < chance.choice([0.2, 1.0])
    return np.cumsum(chance.exponential(1.0, count) * alone * pace)


def _prompt(chance: np.random.Generator, far: int, block: int) -> int:
    if chance.random() < 0.25:  # fills its blocks
        return block * int(chance.integers(1, max(2, far // block)))
    return int(chance.integers(1, far))


def _output(chance: np.random.Generator) -> int:
    return int(chance.choice([1, int(chance.integers(1, 20)), int(chance.integers(20, 50))], p=[0.15, 0.6, 0.25]))


def _share(jobs: list[Job], chance: np.random.Generator) -> None:
    """Let prompts of a few families begin alike; pieces of tokens need not be as long as blocks."""
    piece = int(chance.choice([4, 8, 16, 24]))
    families = int(chance.integers(1, 4))
    for job in jobs:
        family = int(chance.integers(0, families))
        pieces = ceil(job.prompt, piece)
        common = int(chance.integers(0, pieces + 1))
        own = [1000 * (job.index + families) + k for k in range(common, pieces)]
        job.ids = tuple([1000 * family + k for k in range(common)] + own)
        job.id_block = piece


def _converse(jobs: list[Job], chance: np.random.Generator, instructed: bool) -> None:
    """Let each turn of a conversation repeat all that was said before, in programs after common instructions."""
    piece, pieces = int(chance.choice([4, 8, 16])), int(chance.integers(1, 6))
    last: dict[int, Job] = {}
    for job in jobs:
        job.session = int(chance.integers(0, max(1, len(jobs) // 4)))
        job.prompt = 1 + job.prompt // 4
        if instructed:
            job.ids, job.id_block = tuple(range(pieces)), piece
            job.prompt += pieces * piece
        if job.session in last:
            former = last[job.session]
            job.after, job.pause = former.index, float(chance.choice(PAUSES))
            job.prompt = former.prompt + former.output + int(chance.integers(0, 30))
        last[job.session] = job


def _setup(jobs: list[Job], block: int, chunked: bool, chance: np.random.Generator) -> Setup:
    longest = max(job.prompt + job.output for job in jobs) + int(chance.integers(0, 3))
    alone = max(ceil(job.prompt + job.output, block) for job in jobs)  # the largest fits
    more = float(chance.choice([0.0, 0.3, 1.0, 3.0] if chunked else [0.3, 8.0]))  # whole prompts need room to compete
    made = Setup(
        engine="vllm-v1",
        release="0.32",
        block=block,
        blocks=1 + alone + int(chance.integers(0, 2 + int(alone * more))),
        longest=longest,
        seats=int(chance.choice([1, 3, 8, 32], p=[0.1, 0.2, 0.3, 0.4])) if chunked else 32,
        chunked=chunked,
        cache=bool(chance.random() < 0.75),
        priority=bool(chance.random() < 0.4),
        whole=bool(chance.random() < 0.6),
    )
    budget = int(chance.choice([8, 24, 64, 200])) if chunked else longest + int(chance.choice([0, 0, 40]))
    threshold = int(chance.choice([5, 20, 50])) if chance.random() < 0.35 else FAR
    return replace(
        made,
        budget=max(budget, made.seats),
        threshold=min(threshold, longest) if threshold < FAR else FAR,
        watermark=int(chance.integers(1, 4)) if chance.random() < 0.4 else 0,
    )


def branched(seed: int) -> tuple[Setup, list[Job]]:
    """Return conversations in which any earlier turn may be followed, and some turns follow none."""
    setup, jobs = workload(len(KINDS) * seed + KINDS.index("sessions"))
    chance = np.random.default_rng((seed, 1))
    for job in jobs:
        if job.after >= 0:
            former = jobs[int(chance.choice([one.index for one in jobs[: job.index] if one.session == job.session]))]
            job.after = former.index if chance.random() < 0.85 else -1
            job.prompt = former.prompt + former.output + int(chance.integers(0, 30))
    longest = max(job.prompt + job.output for job in jobs)
    budget = setup.budget if setup.chunked else max(setup.budget, longest)
    blocks = max(setup.blocks, 1 + ceil(longest, setup.block))
    return replace(setup, cache=True, longest=max(longest, setup.longest), budget=budget, blocks=blocks), jobs
