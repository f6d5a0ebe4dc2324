"""vLLM, version 1 engine."""

from dataclasses import dataclass

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class VllmV1:
    """One token budget, no phases: running requests in order, then waiting ones; chunked prompts; prefix cache.

    A waiting request starts as soon as the blocks of its first chunk fit. When blocks are missing the last of the line
    is recomputed from the front of the queue. Nothing starts in a pass that preempted somebody.

    Reference: vLLM 0.10.2, `vllm/v1/core/sched/scheduler.py`.
    """

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

    def rules(self, longest: int) -> Rules:
        """Return the rules; one block is vLLM's null block."""
        return Rules(
            compose="queue-order",
            reserve="chunk",
            budget=self.max_num_batched_tokens,
            seats=self.max_num_seqs,
            chunked=self.enable_chunked_prefill,
            threshold=self.long_prefill_token_threshold or 1 << 40,
            block=self.block_size,
            cache=self.enable_prefix_caching,
            null_blocks=1,
            readmit=False,
        )
