"""semi-PD."""

from dataclasses import dataclass

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class SemiPd:
    """Prompts and decodes on two workers that share a device and its KV blocks, each with a share of the cores.

    Each worker does its host work while the other one computes; neither waits for the other's pass. Prompts go first
    come, first served, by whole queue until a pass has its tokens; computed ones join the decodes' next pass without a
    copy. Where a decode finds no block, the last of the line is retracted and computed again as the next prompt. The
    slot `shares` says how the device is divided. Prompts go at the rate of their share x (published law l(x) = l / x),
    decodes on a share y by the published fit of their time a token, `slope` / y + `floor`.

    It wins where host work in each pass is long or prompts are; with 5 ms of host work one lane is as good or better,
    for two passes read the weights twice. Set `host_overhead` of the scenario to what your engine takes.

    Reference: Hong et al., "semi-PD: towards efficient LLM serving via phase-wise disaggregated computation and unified
    storage", 2025; the fit is that of Llama 3 8B on ShareGPT, R2 .9955.
    """

    chunk: int = 8192
    "Prompt tokens of a pass; SGLang's chunk on an A100."
    max_num_seqs: int = 512
    "Requests that hold blocks at once."
    block_size: int = 16
    "Tokens of a KV block."
    watermark: float = 0.01
    "Share of the blocks that stays free when a prompt starts."
    slope: float = 0.6284
    "Part of the time a token that goes by one over the decodes' share, as published."
    floor: float = 0.3818
    "Part of the time a token that does not, as published."
    worker_start: float = 5.0
    "Seconds until workers with other shares are ready; not published, an assumption."

    def __post_init__(self) -> None:
        for name in ("chunk", "max_num_seqs", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")
        if not (0 <= self.slope < float("inf") and 0 < self.floor < float("inf")):
            raise ValueError(f"slope is at least 0 and floor above 0, not {self.slope} and {self.floor}")
        if not 0 <= self.worker_start < float("inf"):
            raise ValueError(f"worker_start is at least 0 seconds, not {self.worker_start}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="decode-first",
            reserve="prompt",
            budget=self.chunk,
            seats=self.max_num_seqs,
            block=self.block_size,
            watermark=self.watermark,
            lanes="shared",
            slope=self.slope,
            floor=self.floor,
            worker_start=self.worker_start,
        )
