"""What the two Azure forms share: three columns."""

from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.traces.writers._table import copy, lost


def save_azure(trace: Trace, path: Path, start: str, ending: str) -> tuple[str, ...]:
    """Write `TIMESTAMP,ContextTokens,GeneratedTokens`; times count from `start` and carry `ending`.

    Raises `ValueError` for a trace of conversations, whose requests have no time of their own.
    """
    if trace.after is not None and (trace.after >= 0).any():
        raise ValueError("requests that wait for earlier ones have no time to write; write Mooncake instead")
    moment = np.datetime64(start, "us").astype(np.int64) + np.rint(trace.arrival * 1e6).astype(np.int64)
    output = trace.output if trace.failed is None else np.where(trace.failed, 0, trace.output)
    query = (
        f"SELECT strftime(make_timestamp(moment), '%Y-%m-%d %H:%M:%S.%f') || '{ending}' AS TIMESTAMP, "
        "prompt AS ContextTokens, output AS GeneratedTokens FROM rows"
    )
    rows = {"moment": moment, "prompt": trace.prompt, "output": output}
    copy({"rows": rows}, query, path, "FORMAT csv, HEADER true")
    return lost(user=trace.user, session=trace.session, priority=trace.priority, prefixes=trace.prefixes, **trace.extra)
