"""Write the form of the Azure trace of 2024."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.traces.writers._azure import save_azure


@dataclass(frozen=True, slots=True)
class Azure2024:
    """CSV with `TIMESTAMP,ContextTokens,GeneratedTokens`: six digits and `+00:00`. Failed requests have an output of 0.

    Reference: https://github.com/Azure/AzurePublicDataset.
    """

    start: str = "2024-05-10T00:00:00"
    "Date and time of second 0, UTC."

    def __post_init__(self) -> None:
        try:
            np.datetime64(self.start, "us")
        except ValueError:
            raise ValueError(f"start is a date and time such as 2024-05-10T00:00:00, not '{self.start}'") from None

    def save(self, trace: Trace, path: Path) -> tuple[str, ...]:
        """Write the trace; users, sessions, priorities, prefixes and digits beyond microseconds are lost."""
        return save_azure(trace, path, self.start, "+00:00")
