"""Azure LLM inference trace 2024."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from evenly.core import Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._azure import NAMES, read_azure, zone


@dataclass(frozen=True, slots=True)
class Azure2024:
    """CSV with `TIMESTAMP,ContextTokens,GeneratedTokens`, times with six digits and `+00:00`; one week of two services.

    Reference: J. Stojkovic et al., "DynamoLLM: Designing LLM Inference Clusters for Performance and Energy Efficiency",
    HPCA 2025; https://github.com/Azure/AzurePublicDataset.
    """

    needs: ClassVar[Needs] = (NAMES,)

    def match(self, head: str) -> bool:
        """Tell whether the header is Azure's and the times name a zone."""
        return bool(zone(head))

    def read(self, path: Path) -> Trace:
        """Return the trace; times count from the first request."""
        return read_azure(path)
