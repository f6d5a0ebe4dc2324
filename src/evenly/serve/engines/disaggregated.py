"""Prompts and decodes on devices of their own."""

from dataclasses import dataclass

from evenly.serve.engines import Rules


@dataclass(frozen=True, slots=True)
class Disaggregated:
    """One device computes prompts, another one decodes; keys and values go over the link between them.

    A replica is two devices (times `tensor`), so rates are to be halved before they are compared with one. The
    decodes' side pulls a prompt when it has room for it; until then the prompt's blocks stay on the other side. Nobody
    interferes, but the weights are stored twice, and the prompts' blocks stand empty while the decodes' are full: the
    facts name the peak of both. Where a decode finds no block, the last of the line is computed again as the next
    prompt.

    Reference: Zhong et al., "DistServe: disaggregating prefill and decoding for goodput-optimized large language model
    serving", 2024.
    """

    chunk: int = 8192
    "Prompt tokens of a pass."
    max_num_seqs: int = 512
    "Requests that hold blocks at once, on either side."
    block_size: int = 16
    "Tokens of a KV block."
    watermark: float = 0.01
    "Share of the blocks of a side that stays free when a prompt starts there."
    link: str = ""
    "Name of the link between the two, as in the data of devices; by default that of the device."

    def __post_init__(self) -> None:
        for name in ("chunk", "max_num_seqs", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if not 0 <= self.watermark < 1:
            raise ValueError(f"watermark is a share from 0 to 1, not {self.watermark}")

    def rules(self, longest: int) -> Rules:
        """Return the rules."""
        return Rules(
            compose="decode-first",
            reserve="prompt",
            budget=self.chunk,
            seats=self.max_num_seqs,
            block=self.block_size,
            watermark=self.watermark,
            lanes="apart",
            link=self.link,
        )
