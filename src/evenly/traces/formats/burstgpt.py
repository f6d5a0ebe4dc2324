"""BurstGPT: requests of ChatGPT and GPT-4 services."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.traces.formats._build import build, rest, seconds, tokens
from evenly.traces.formats._columns import csv_names, read_csv

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

    def match(self, head: str) -> bool:
        """Tell whether the header names the columns of BurstGPT."""
        return {"Timestamp", "Model", "Request tokens", "Response tokens"} <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace with model, service and elapsed time in `extra`."""
        columns = read_csv(path, NUMBERS)
        if "Elapsed time" in columns:
            columns.number("Elapsed time", missing=np.inf)
        start = columns.number("Timestamp").min()
        arrival = seconds(columns, "Timestamp") + start
        output = tokens(columns, "Response tokens")
        model, _ = columns.codes("Model")
        service = columns.codes("Log Type")[0] if "Log Type" in columns else np.zeros(len(model), np.int64)
        pair, user = np.unique(model * (service.max() + 1) + service, return_inverse=True)
        session = None
        if SESSION in columns:
            known = columns.text(SESSION).astype(str) != ""
            session = np.where(known, columns.codes(SESSION)[0], -1)
        return build(
            columns,
            arrival,
            tokens(columns, "Request tokens"),
            output,
            failed=output == 0,
            extra=rest(columns, ("Timestamp", "Request tokens", "Response tokens", SESSION)),
            user=user.astype(np.int64) if len(pair) > 1 else None,
            session=session,
        )
