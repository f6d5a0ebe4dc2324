"""Sarathi-Serve."""

from dataclasses import dataclass

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class Sarathi:
    """Stall-free batching: all decodes, then chunks of prompts up to a fixed number of tokens.

    A prompt starts when all its blocks fit above a watermark of 1%; there is no prefix cache.

    Reference: Agrawal et al., "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve", 2024.
    """

    chunk_size: int = 512
    "Tokens of a pass."
    max_num_seqs: int = 128
    "Running requests."
    block_size: int = 16
    "Tokens of a KV block."
    watermark: float = 0.01
    "Share of the blocks that stays free when a prompt starts."

    def __post_init__(self) -> None:
        for name in ("chunk_size", "max_num_seqs", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="decode-first",
            reserve="prompt",
            budget=self.chunk_size,
            seats=self.max_num_seqs,
            block=self.block_size,
            watermark=self.watermark,
        )
