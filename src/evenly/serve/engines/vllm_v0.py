"""vLLM, version 0 engine, prefill first."""

from dataclasses import dataclass
from typing import Literal

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class VllmV0:
    """Whole prompts first, alone; decodes only when no prompt can start: the generation stall.

    A prompt starts when all its blocks fit above a watermark of 1% of the blocks. When a decode finds no block the
    last of the line is preempted: recomputed from the front of the queue, or swapped to the host. With order
    `priority` and victim `least-urgent`, a more urgent head of the queue that does not fit preempts running requests.

    Reference: Kwon et al., "Efficient memory management for large language model serving with PagedAttention", 2023;
    vLLM 0.10.2, `vllm/core/scheduler.py`.
    """

    max_num_batched_tokens: int = 0
    "Token budget of a prefill pass; 0 takes max(longest sequence of the model, 2048)."
    max_num_seqs: int = 256
    "Running requests."
    preemption: Literal["recompute", "swap"] = "recompute"
    "What happens to a victim."
    delay_factor: float = 0.0
    "Hold prompts until the oldest has waited this many times the last prefill."
    block_size: int = 16
    "Tokens of a KV block."
    watermark: float = 0.01
    "Share of the blocks that stays free when a prompt starts."

    def __post_init__(self) -> None:
        for name in ("max_num_seqs", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if self.max_num_batched_tokens < 0:
            raise ValueError(f"max_num_batched_tokens is at least 0, not {self.max_num_batched_tokens}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")
        if not self.delay_factor >= 0:
            raise ValueError(f"delay_factor is at least 0, not {self.delay_factor}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="prefill-first",
            reserve="prompt",
            budget=self.max_num_batched_tokens or max(longest, 2048),
            seats=self.max_num_seqs,
            chunked=False,
            block=self.block_size,
            watermark=self.watermark,
            swap=self.preemption == "swap",
            usurp=True,
            delay=self.delay_factor,
        )
