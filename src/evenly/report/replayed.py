"""A replay in a terminal: what a user of the server would have seen, and what to know of it."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from evenly.hosts.replay import SHARES, Replayed
from evenly.report.units import show

if TYPE_CHECKING:
    from rich.table import Table

ROWS = {
    "ttft": "TTFT (sent to first token)",
    "tpot": "TPOT (mean of a request)",
    "tbt": "TBT (gaps between tokens)",
    "e2e": "E2E (sent to last token)",
    "lag": "client lag (due to sent)",
}
CAUSES = 3  # causes of failures that are told, the most frequent ones


def table(found: Replayed) -> "Table":
    """Return latencies and the client's own lag at p50, p90 and p99."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    figures = found.figures()
    made = Table(box=SIMPLE_HEAD)
    made.add_column("")
    for share in SHARES:
        made.add_column(f"p{share}", justify="right")
    for name, title in ROWS.items():
        made.add_row(title, *(show(figures[f"{name}_p{share}"], "s") for share in SHARES))
    return made


def sentence(found: Replayed) -> str:
    """Return how much was served how fast."""
    figures = found.figures()
    done = int((~np.isnan(found.finish)).sum())
    speed = f"{show(figures['throughput'], 'req/s')}, {show(figures['token_rate'], 'tokens/s')}"
    return f"{done:,} of {len(found.due):,} requests answered: {speed}."


def notes(found: Replayed) -> list[str]:
    """Return in sentences what the figures alone do not tell: what was not sent, failed or differs from the trace."""
    told = []
    if found.incomplete:
        unsent = int(np.isnan(found.sent).sum())
        told.append(f"incomplete: {found.incomplete}; {unsent:,} requests were not sent, the others are kept")
    failures = Counter(error for error in found.error if error and not error.startswith("not sent"))
    told += [f"{count:,} requests failed: {error}" for error, count in failures.most_common(CAUSES)]
    if len(failures) > CAUSES:
        told.append(f"and {len(failures) - CAUSES:,} more causes of failures")
    done = ~np.isnan(found.finish)
    counts = {"prompts": (found.counted, found.trace.prompt), "answers": (found.output, found.trace.output)}
    for name, (theirs, ours) in counts.items():
        wrong = done & (theirs >= 0) & (theirs != ours)
        if wrong.any():
            apart = (theirs - ours)[wrong]
            span = f"{apart.min():+,}" if apart.min() == apart.max() else f"{apart.min():+,} to {apart.max():+,}"
            told.append(f"{wrong.sum():,} of {done.sum():,} {name} have another length for the server: {span} tokens")
    sent = ~np.isnan(found.sent)
    if missing := int((sent & (found.follows == 0)).sum()):
        told.append(
            f"{missing:,} turns were drawn by chance where the former answer should stand: the server gave no token "
            "ids for it, so its cache meets less than a conversation holds"
        )
    return told
