"""vLLM, version 1 engine."""

from dataclasses import dataclass
from typing import Literal

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class VllmV1:
    """One token budget, no phases: running requests in order, then waiting ones; chunked prompts; prefix cache.

    A waiting request starts as soon as all its tokens fit (release 0.32) or those of its first chunk (0.10); it takes
    blocks chunk by chunk. When blocks are missing the last of the line is recomputed from the front of the queue.
    Nothing starts in a pass that preempted somebody.

    Reference: vLLM 0.10.2 and 0.32.0, `vllm/v1/core/sched/scheduler.py`.
    """

    release: Literal["0.10", "0.32"] = "0.32"
    "Release whose rules are followed; the page on vLLM's rules tells them apart."

    max_num_batched_tokens: int = 2048
    "Token budget of a pass; the server's default (8192 on large devices)."
    max_num_seqs: int = 256
    "Running requests; 1024 on large devices."
    enable_prefix_caching: bool = True
    "Reuse full blocks of equal prefixes."
    enable_chunked_prefill: bool = True
    "Cut prompts at the budget."
    long_prefill_token_threshold: int = 0
    "Longest chunk of one prompt in a pass; 0 is off."
    block_size: int = 16
    "Tokens of a KV block."
    scheduler_reserve_full_isl: bool | None = None
    "Start a request only if all its tokens fit; by default yes in release 0.32, which 0.10 cannot."
    watermark: float = 0.0
    "Share of the blocks that stays free when a request starts beside others; release 0.32."

    def __post_init__(self) -> None:
        if self.max_num_seqs < 1 or self.max_num_batched_tokens < self.max_num_seqs:
            raise ValueError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must be at least max_num_seqs "
                f"({self.max_num_seqs}), and that at least 1"
            )
        if self.long_prefill_token_threshold < 0:
            raise ValueError(f"long_prefill_token_threshold is at least 0, not {self.long_prefill_token_threshold}")
        if self.block_size < 1:
            raise ValueError(f"block_size is at least 1, not {self.block_size}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")
        if self.release == "0.10" and (self.watermark or self.scheduler_reserve_full_isl):
            raise ValueError("vLLM 0.10 has neither watermark nor scheduler_reserve_full_isl; set release: '0.32'")

    def rules(self, longest: int) -> Rules:
        """Return the rules; one block is vLLM's null block."""
        old = self.release == "0.10"
        reserve = not old if self.scheduler_reserve_full_isl is None else self.scheduler_reserve_full_isl
        return Rules(
            compose="queue-order",
            reserve="chunk",
            budget=self.max_num_batched_tokens,
            seats=self.max_num_seqs,
            chunked=self.enable_chunked_prefill,
            threshold=self.long_prefill_token_threshold or 1 << 40,
            lone=not old,
            whole=reserve,
            blank=not old,
            behind=old,
            block=self.block_size,
            watermark=self.watermark,
            cache=self.enable_prefix_caching,
            null_blocks=1,
            readmit=False,
        )
