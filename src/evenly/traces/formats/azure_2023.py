"""Azure LLM inference trace 2023."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evenly.core import Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._azure import NAMES, read_azure, zone


@dataclass(frozen=True, slots=True)
class Azure2023:
    """CSV with `TIMESTAMP,ContextTokens,GeneratedTokens`, times without a zone and with seven digits.

    The seventh digit (100 ns) is cut off.

    Reference: P. Patel et al., "Splitwise: Efficient Generative LLM Inference Using Phase Splitting", ISCA 2024;
    https://github.com/Azure/AzurePublicDataset.
    """

    needs: ClassVar[Needs] = (NAMES,)

    def match(self, head: str) -> bool:
        """Tell whether the header is Azure's and the times name no zone."""
        return zone(head) == ""

    def read(self, path: Path) -> Trace:
        """Return the trace; times count from the first request."""
        return read_azure(path)
