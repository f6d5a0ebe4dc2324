"""Orca."""

from dataclasses import dataclass

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class Orca:
    """Iteration-level batching without paging: room for the longest sequence is reserved when a request starts.

    Whole prompts run together with all decodes in one pass; nothing is ever preempted.

    Reference: Yu et al., "Orca: a distributed serving system for transformer-based generative models", 2022.
    """

    max_num_seqs: int = 256
    "Running requests."
    block_size: int = 16
    "Tokens of a KV block."

    def __post_init__(self) -> None:
        for name in ("max_num_seqs", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="decode-first",
            reserve="longest",
            budget=1 << 40,
            seats=self.max_num_seqs,
            chunked=False,
            block=self.block_size,
        )
