"""Engines: how a replica composes its passes and manages its blocks."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from evenly.core import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """How seats go to the requests of highest priority while the others' tokens wait on the host."""

    every: int
    "Passes between two looks at the ranks of all requests."
    group: int = 0
    "Pages that a request reserves side by side; 0 allocates page by page."
    merged: bool = False
    "Whether pages that lie side by side on device and host are copied at once."
    background: bool = False
    "Whether the device goes on while copies are under way."
    adaptive: bool = False
    "Whether it waits all the same where that costs less than a pass, or where nobody else can run."
    reuse: bool = False
    "Whether copies on the host stay valid when a request comes back, so that only what is new moves out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the kernel must know of an engine; see each engine for the values of the real ones."""

    compose: Literal["prefill-first", "queue-order", "decode-first", "split-fuse"]
    "Order in which a pass is filled."
    reserve: Literal["chunk", "prompt", "longest"]
    "Blocks that a request takes when it starts."
    budget: int
    "Tokens of a pass."
    seats: int
    "Requests that hold blocks at once."
    batch: int = 1 << 40
    "Requests in one pass."
    chunked: bool = True
    "Whether prompts may be cut."
    threshold: int = 1 << 40
    "Tokens of one prompt in a pass."
    lone: bool = False
    "Whether that limit is lifted for a request that is alone."
    whole: bool = False
    "Whether all tokens of a request must fit when it starts, although it takes the blocks of its first chunk."
    blank: bool = False
    "Whether freed blocks without content that a prefix could hit are taken before all others."
    behind: bool = False
    "Whether a prompt that may not be cut and does not fit the budget lets those behind it pass."
    block: int = 16
    "Tokens of a KV block."
    watermark: float = 0.0
    "Share of the blocks that stays free when a request starts."
    cache: bool = False
    "Prefix cache."
    null_blocks: int = 0
    "Blocks that the engine keeps for itself."
    swap: bool = False
    "Victims move to the host instead of being recomputed."
    readmit: bool = True
    "Whether prompts may start in a pass that preempted somebody."
    front: bool = True
    "Whether preempted requests return to the front of the queue."
    usurp: bool = False
    "Whether a more urgent head of the queue preempts running requests, where order and victim are by priority."
    delay: float = 0.0
    "Hold prompts until the oldest has waited this many times the last prefill."
    lanes: Literal["single", "shared", "apart"] = "single"
    "Whether prompts and decodes share passes, share a device by lanes of their own, or have a device each."
    slope: float = 0.0
    "With shared lanes, a decode token takes `slope` / share + `floor`, in any unit."
    floor: float = 1.0
    worker_start: float = 0.0
    "Seconds until workers with other shares are ready."
    link: str = ""
    "Link over which keys and values go to a device of their own; that of the device by default."
    switching: Switching | None = None
    "Whether running requests give way to those of higher priority, as ranks change."
    facts: dict[str, str | int | float] = field(default_factory=dict)


class Engine(Protocol):
    """Describe a serving engine to the kernel."""

    def rules(self, longest: int) -> Rules:
        """Return the engine's rules for a model that accepts `longest` tokens."""
        ...


engines: Catalog[Engine] = Catalog(__name__, Engine)
