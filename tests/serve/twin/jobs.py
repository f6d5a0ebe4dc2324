"""What the twin serves and what it writes down."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Cost = Callable[[Sequence[int], Sequence[int], int, int, int], float]
"""(chunk, before, decodes, resident, longest) -> seconds of the pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """An engine and its parameters."""

    engine: str
    blocks: int
    "Blocks of the device, the engine's own null block included."
    block: int = 16
    "Tokens of a block."
    budget: int = 1 << 40
    "Tokens of a pass."
    seats: int = 1 << 40
    "Running requests."
    batch: int = 1 << 40
    "Requests of a pass (fastgen)."
    longest: int = 1 << 40
    "Prompt plus output tokens that are accepted."
    watermark: int = 0
    "Blocks that stay free when a prompt starts."
    threshold: int = 1 << 40
    "Longest chunk of a prompt (vllm-v1)."
    chunked: bool = True
    "Whether prompts may be cut (vllm-v1)."
    release: Literal["0.10", "0.32"] = "0.10"
    "Whose rules are followed (vllm-v1)."
    whole: bool = False
    "Start a request only if all its tokens fit (vllm-v1)."
    cache: bool = False
    "Prefix cache (vllm-v1)."
    priority: bool = False
    "Serve by (priority, arrival) instead of by arrival."
    order: Any = None
    "Another order; its knobs are read, its verb is not asked."
    seed: int = 0
    "Of the order's luck."
    ttl: float = 0.0
    "Seconds for which the blocks of a paused program are kept (vllm-v1)."
    swap: bool = False
    "Victims move to the host."
    host: int = 1 << 40
    "Blocks of the host."
    host_cache: int = 0
    "Blocks of the host that are a second prefix cache (vllm-v1)."
    swap_seconds: float = 0.0
    "To move one block."
    delay: float = 0.0
    "Hold prompts until the oldest waited this many times the last prefill (vllm-v0)."


@dataclass(slots=True, kw_only=True)
class Job:
    """A request and how far it is."""

    index: int
    arrival: float
    prompt: int
    output: int
    priority: int = 0
    user: int = 0
    deadline: float = math.inf
    after: int = -1
    pause: float = 0.0
    ids: tuple[int, ...] = ()
    "Cumulative identities of the prompt's leading pieces of `id_block` tokens."
    id_block: int = 16
    session: int = -1
    "Requests of one session begin with everything their predecessors said and heard."

    told: "Job | None" = None
    "The turn before, if it repeats all of that; written by `join_programs`."
    program: int = -1
    "Written by `join_programs`, as is whether the program ends with it."
    last_turn: bool = True
    generated: int = 0
    computed: int = 0
    decoding: bool = False
    seated: bool = False
    table: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    start: float | None = None
    finish: float | None = None
    failed: bool = False
    preemptions: int = 0
    cached: int | None = None

    @property
    def length(self) -> int:
        return self.prompt + self.generated

    @property
    def rest(self) -> int:
        """Tokens that are known but not computed."""
        return self.length - self.computed

    @property
    def urgency(self) -> tuple[int, float, int]:
        return self.priority, self.arrival, self.index

    def content(self, place: int, block: int) -> Hashable:
        """Return the identity of the block at `place`: equal means equal tokens from the start to its end."""
        end = (place + 1) * block
        piece = (end - 1) // self.id_block
        if end <= self.prompt and piece < len(self.ids):
            return "shared", self.ids[piece], place
        teller = self
        while teller.told is not None and end <= teller.told.prompt + teller.told.output:
            teller = teller.told
        return "own", teller.index, place


def join_programs(jobs: Sequence[Job]) -> None:
    """Tell each request its program, a session or those that wait for one another, and the last ones that they are."""
    latest: dict[int, Job] = {}
    for job in jobs:
        before = jobs[job.after] if job.after >= 0 else job
        if before.session == job.session >= 0 and job.prompt >= before.prompt + before.output:
            job.told = before if before is not job else None
        alone = job.index if job.after < 0 else jobs[job.after].program
        job.program = len(jobs) + job.session if job.session >= 0 else alone
        if job.program in latest:
            latest[job.program].last_turn = False
        latest[job.program] = job
        job.last_turn = True


@dataclass(slots=True)
class Pass:
    """One forward pass."""

    start: float
    items: list[tuple[Job, int]] = field(default_factory=list)
    preempted: list[int] = field(default_factory=list)
    swapped_in: list[int] = field(default_factory=list)
    swapped_out: list[int] = field(default_factory=list)
    hits: dict[int, int] = field(default_factory=dict)
    failed: list[int] = field(default_factory=list)
    moved: int = 0
    "Blocks copied between device and host."
    free: int = 0
    seconds: float = 0.0
    row: tuple[tuple[int, int, str], ...] = ()
    "(request, tokens, kind) in the order of the pass; kind is 'prompt' or 'decode'."
    chunks: tuple[tuple[int, int], ...] = ()
    "(tokens, tokens held before) of the prompt chunks."
    decodes: int = 0
    resident: int = 0
    longest: int = 0

    @property
    def tokens(self) -> int:
        return sum(count for _, count, _ in self.row)

    @property
    def changed(self) -> bool:
        return bool(self.preempted or self.swapped_out or self.failed)


def ceil(tokens: int, block: int) -> int:
    """Return the blocks that hold `tokens` tokens."""
    return -(-tokens // block)
