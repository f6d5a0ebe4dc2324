"""vLLM, version 0 engine, chunked prefill."""

from dataclasses import dataclass
from typing import Literal

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class VllmV0Chunked:
    """Running requests in order within a token budget, then waiting prompts cut to what is left.

    The blocks of a whole prompt are taken when its first chunk starts, above a watermark of 1%.

    Reference: vLLM 0.10.2, `vllm/core/scheduler.py`, `_schedule_chunked_prefill`.
    """

    max_num_batched_tokens: int = 2048
    "Token budget of a pass; 512 in early releases."
    max_num_seqs: int = 256
    "Running requests."
    preemption: Literal["recompute", "swap"] = "recompute"
    "What happens to a victim."
    block_size: int = 16
    "Tokens of a KV block."
    watermark: float = 0.01
    "Share of the blocks that stays free when a prompt starts."

    def __post_init__(self) -> None:
        if self.max_num_seqs < 1 or self.max_num_batched_tokens < self.max_num_seqs:
            raise ValueError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must be at least max_num_seqs "
                f"({self.max_num_seqs}), and that at least 1"
            )
        if self.block_size < 1:
            raise ValueError(f"block_size is at least 1, not {self.block_size}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="queue-order",
            reserve="prompt",
            budget=self.max_num_batched_tokens,
            seats=self.max_num_seqs,
            block=self.block_size,
            watermark=self.watermark,
            swap=self.preemption == "swap",
        )
