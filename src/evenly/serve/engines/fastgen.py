"""DeepSpeed-FastGen."""

from dataclasses import dataclass

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class Fastgen:
    """Dynamic SplitFuse: every pass is filled to the same number of tokens, decodes first, then prompts cut to fit.

    A prompt starts only if the blocks of all its tokens are free. A decode that finds no block waits; if nothing at
    all can run, the request that entered last is flushed and starts again. Without a free block no prompt goes on, save
    one that is alone on the device: the real engine would flush it for ever. There is no prefix cache.

    Reference: Holmes et al., "DeepSpeed-FastGen: high-throughput text generation for LLMs via MII and
    DeepSpeed-Inference", 2024.
    """

    max_ragged_batch_size: int = 768
    "Tokens of a pass."
    max_ragged_sequence_count: int = 512
    "Requests in a pass."
    max_tracked_sequences: int = 2048
    "Requests that hold blocks at once."
    block_size: int = 64
    "Tokens of a KV block; 128 for attention heads of at most 64."

    def __post_init__(self) -> None:
        for name in ("max_ragged_batch_size", "max_ragged_sequence_count", "max_tracked_sequences", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="split-fuse",
            reserve="chunk",
            budget=self.max_ragged_batch_size,
            seats=self.max_tracked_sequences,
            batch=self.max_ragged_sequence_count,
            block=self.block_size,
            front=False,
        )
