"""BurstGPT: requests of ChatGPT and GPT-4 services."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from evenly.core import Ints, Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens
from evenly.traces.formats._columns import Columns, csv_names, read_csv

NUMBERS = ("Timestamp", "Request tokens", "Response tokens", "Total tokens", "Elapsed time")
SESSION = "Session ID"


@dataclass(frozen=True, slots=True)
class Burstgpt:
    """CSV with `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`, by name.

    Newer files add `Session ID` (conversations only) and `Elapsed time` (seconds of the whole request). A response of
    0 tokens is a failure: it stays in the trace, marked. A user is a pair of model and service. Times count seconds
    from midnight of the first day and stay so, because the hour matters.

    Reference: Y. Wang et al., "BurstGPT: A Real-World Workload Dataset to Optimize LLM Serving Systems", KDD 2025;
    https://github.com/HPMLL/BurstGPT.
    """

    needs: ClassVar[Needs] = (("Timestamp", "Model", "Request tokens", "Response tokens"),)

    def match(self, head: str) -> bool:
        """Tell whether the header names the columns of BurstGPT."""
        return set(self.needs[0]) <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace with model, service and elapsed time in `extra`."""
        columns = read_csv(path, NUMBERS)
        if "Elapsed time" in columns:
            columns.number("Elapsed time", missing=np.inf)
        start = columns.number("Timestamp").min()
        arrival = seconds(columns, "Timestamp") + start
        output = tokens(columns, "Response tokens")
        prompt = tokens(columns, "Request tokens")
        used = ["Timestamp", "Request tokens", "Response tokens", SESSION]
        if "Total tokens" in columns and np.array_equal(columns.numbers["Total tokens"], prompt + output):
            used.append("Total tokens")
        session = None
        if SESSION in columns:
            session = columns.texts[SESSION].code
        return build(
            columns,
            arrival,
            prompt,
            output,
            failed=output == 0,
            extra=rest(columns, tuple(used)),
            user=_users(columns),
            session=session,
        )


def _users(columns: Columns) -> Ints | None:
    """Return a code for each pair of model and service; `None` if all requests are of one pair."""
    pair = columns.texts["Model"].code + 1
    if "Log Type" in columns:
        pair = pair * (len(columns.texts["Log Type"].labels) + 1) + columns.texts["Log Type"].code + 1
    present = np.bincount(pair) > 0
    return (np.cumsum(present) - 1)[pair] if present.sum() > 1 else None
