"""FastSwitch."""

from dataclasses import dataclass
from typing import Literal

from evenly.serve.engines import Rules, Switching


@dataclass(frozen=True, slots=True)
class Fastswitch:
    """Run the requests of highest priority that fit, and make switches cheap, so that fairness costs no tail latency.

    Three parts, each a field, so that an ablation is a line. Pages come in groups that lie side by side on device and
    host, so a switch is a few large copies and not thousands of small ones. Copies run beside the passes: pages are
    free when their copy is complete, a request runs when all of its pages are in, and the device waits only where
    that costs less than a pass or where nobody else can run. What the host has of a request, across switches and
    across the turns of a conversation, stays valid, so only what is new moves out. Without the three it is `vllm-swap`.

    Priorities come from the order: `redrawn` as published, or any other, whose ranks are asked every so many passes.
    Gains grow with the price of starting a copy (`copy_dispatch`) more than with anything else: sweep it.

    Reference: A. Shen et al., "FastSwitch: Optimizing Context Switching Efficiency in Fairness-aware Large Language
    Model Serving", 2024. No code is public; what the paper leaves open is told on its page of the documentation.
    """

    every: int = 25
    "Passes between two looks at the priorities of all requests; 25 and 50 are the published frequencies .04 and .02."
    allocation: Literal["groups", "pages"] = "groups"
    "Whether pages come in groups or one by one."
    group: int = 64
    "Pages of a new group, or an even share of what is free if that is less."
    copies: Literal["merged", "page-wise"] = "merged"
    "Whether pages that lie side by side on both sides are one copy."
    lane: Literal["adaptive", "asynchronous", "synchronous"] = "adaptive"
    "Whether the device waits for copies: where that costs less, never, or always."
    reuse: bool = True
    "Whether copies on the host stay valid when a request comes back."
    max_num_seqs: int = 256
    "Running requests."
    block_size: int = 16
    "Tokens of a page."
    watermark: float = 0.01
    "Share of the pages that stays free when a request gets a seat."

    def __post_init__(self) -> None:
        for name in ("every", "group", "max_num_seqs", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="prefill-first",
            reserve="prompt",
            budget=max(longest, 2048),
            seats=self.max_num_seqs,
            chunked=False,
            block=self.block_size,
            watermark=self.watermark,
            switching=Switching(
                every=self.every,
                group=self.group if self.allocation == "groups" else 0,
                merged=self.copies == "merged",
                background=self.lane != "synchronous",
                adaptive=self.lane == "adaptive",
                reuse=self.reuse,
            ),
        )
