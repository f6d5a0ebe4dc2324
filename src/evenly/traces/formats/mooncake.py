"""Mooncake traces."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.core import Trace
from evenly.core.trace import Prefixes
from evenly.traces import tables
from evenly.traces.checks import codes, trace_of

NAMES = {"arrival": "timestamp", "prompt": "input_length", "output": "output_length"}
BLOCK = 512  # tokens that one hash id stands for
SMALL_BLOCK = 16  # the same in traces of Alibaba's Bailian


@dataclass(frozen=True, slots=True)
class Mooncake:
    """JSON lines with `timestamp` in milliseconds, `input_length`, `output_length`, `hash_ids` of prompt blocks.

    Equal leading ids mean equal leading tokens. `session_id` is read where there is one.

    Reference: Qin et al., "Mooncake: a KVCache-centric disaggregated architecture for LLM serving", 2025; data at
    https://github.com/kvcache-ai/Mooncake (Apache-2.0).
    """

    def match(self, head: str) -> bool:
        """Tell by the keys of the first object."""
        return set(NAMES.values()) <= _keys(head)

    def read(self, path: Path) -> Trace:
        """Return the trace with its shared prefixes."""
        source = tables.Source(path, "json")
        keys = _keys(tables.head(path))
        wanted = {"arrival": (NAMES["arrival"], "number"), "prompt": (NAMES["prompt"], "whole")}
        wanted["output"] = (NAMES["output"], "whole")
        if "session_id" in keys:
            wanted["session"] = ("session_id", "text")
        columns = tables.read(source, wanted)
        columns["arrival"] = columns["arrival"] / 1e3
        if "session" in columns:
            columns["session"] = codes(columns["session"])
        if "hash_ids" not in keys:
            return trace_of(source, NAMES, columns)
        sizes, ids = tables.lists(source, "hash_ids")
        offsets = np.concatenate(([0], np.cumsum(sizes)))
        return trace_of(source, NAMES, columns, prefixes=Prefixes(offsets, ids, _block(columns["prompt"], sizes)))


def _block(prompt: np.ndarray, sizes: np.ndarray) -> int:
    """Return the tokens of a block: the size that explains how many ids most prompts have."""
    fits = {block: np.mean(-(-prompt // block) == sizes) for block in (BLOCK, SMALL_BLOCK)}
    return max(fits, key=lambda block: fits[block])


def _keys(head: str) -> set[str]:
    try:
        first = json.loads(head.splitlines()[0])
    except (json.JSONDecodeError, RecursionError):
        return set()
    return set(first) if isinstance(first, dict) else set()
