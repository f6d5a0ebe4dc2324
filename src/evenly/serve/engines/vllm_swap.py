"""vLLM 0.3.3 with priorities that change, preempting by swap."""

from dataclasses import dataclass

from evenly.serve.engines import Rules, Switching


@dataclass(frozen=True, slots=True)
class VllmSwap:
    """Run the requests of highest priority that fit; move the others' tokens to the host page by page, and wait for it.

    Every page is copied by itself, layer by layer, keys and values apart, and the device idles until all are there.
    The copy on the host is dropped when its request comes back, so the whole context moves again next time; that of
    a turn that ended waits there for the next turn. Prompts go first, whole, as in vLLM's version 0 engine. Where the
    host is full a victim is computed again: with `swap_space: 0` always.

    Reference: Kwon et al., "Efficient memory management for large language model serving with PagedAttention", 2023;
    the baseline of A. Shen et al., "FastSwitch: Optimizing Context Switching Efficiency in Fairness-aware Large
    Language Model Serving", 2024.
    """

    every: int = 25
    "Passes between two looks at the priorities of all requests."
    max_num_seqs: int = 256
    "Running requests."
    block_size: int = 16
    "Tokens of a page; 256 are the large blocks that make few copies and strand memory."
    watermark: float = 0.01
    "Share of the pages that stays free when a request gets a seat."

    def __post_init__(self) -> None:
        for name in ("every", "max_num_seqs", "block_size"):
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
            switching=Switching(every=self.every),
        )
