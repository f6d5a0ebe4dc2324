"""BLIS: traces of the simulator inference-sim and of the servers that it observes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from evenly.core import Ints, Prefixes, Trace
from evenly.traces.formats import Needs
from evenly.traces.formats._build import build, rest, seconds, tokens, unique
from evenly.traces.formats._columns import Columns, csv_names, read_csv
from evenly.traces.formats._errors import refuse

NEEDED = ("arrival_time_us", "input_tokens", "output_tokens")
COUNTS = ("prefix_length", "server_input_tokens", "text_tokens", "image_tokens", "audio_tokens", "video_tokens")
TIMES = ("deadline_us", "slo_target_us", "send_time_us", "first_chunk_time_us", "last_chunk_time_us")
NUMBERS = (*NEEDED, *COUNTS, *TIMES, "vllm_priority", "round_index", "reason_ratio", "num_chunks")
VERSION = re.compile(r"^trace_version:", re.MULTILINE)
HEADER_LINES = 1000  # a header is some twenty lines
BLOCK = 16  # tokens, where a header names no block size: vLLM's default
FAILED = ("error", "timeout")


@dataclass(frozen=True, slots=True)
class Blis:
    """TraceV2: a YAML header (`trace_version`, `time_unit`, `mode`, ...) and a CSV with `arrival_time_us` and more.

    The two are files of one name, `run.yaml` and `run.csv`, or one file, header first; either of the two files is read.
    A prompt is the shared prefix of its `prefix_group` and `input_tokens`; without a group it is what the server
    counted, if it did. A user is a tenant, else a client. Statuses `error` and `timeout` are failures. Every request
    arrives at its recorded time; the round of a session and the other columns are in `extra`.

    Reference: https://github.com/inference-sim/inference-sim, sim/workload/tracev2.go and replay.go.
    """

    needs: ClassVar[Needs] = (NEEDED,)

    def match(self, head: str) -> bool:
        """Tell whether the file begins with a header of TraceV2 or with the columns of its CSV."""
        return VERSION.search(head) is not None or set(NEEDED) <= set(csv_names(head))

    def read(self, path: Path) -> Trace:
        """Return the trace with sessions, users, priorities and prefix groups."""
        header, data, skip = _parts(path)
        unit = re.search(r"^time_unit:\s*[\"']?([^\"'#\s]+)", header, re.MULTILINE)
        if unit is not None and unit.group(1) not in ("us", "µs", "microseconds"):
            line = header[: unit.start()].count("\n") + 1
            refuse(path, line, "time_unit", unit.group(1), "the columns are in microseconds; write 'microseconds'")
        columns = read_csv(data, NUMBERS, header=skip + 1)
        if "request_id" in columns:
            unique(columns, "request_id")
        size = re.search(r"^\s+block_size:\s*(\d+)", header, re.MULTILINE)
        prefix, group = _groups(columns)
        prompt = _prompt(columns, prefix, group)
        status = columns.texts["status"].plain() if "status" in columns else None
        priority = _counts(columns, "vllm_priority") if "vllm_priority" in columns else None
        return build(
            columns,
            seconds(columns, NEEDED[0], 1e-6),
            prompt,
            tokens(columns, "output_tokens"),
            failed=np.isin(status, FAILED) if status is not None else None,
            user=_codes(columns, "tenant_id", "client_id"),
            session=_codes(columns, "session_id"),
            priority=priority,
            prefixes=_prefixes(prefix, group, int(size.group(1)) if size and int(size.group(1)) else BLOCK),
            extra=rest(columns, (*NEEDED, "vllm_priority", "tenant_id", "session_id")),
        )


def _parts(path: Path) -> tuple[str, Path, int]:
    """Return the text of the header, the file that holds the rows, and the lines before its column names."""
    lines: list[str] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if set(NEEDED) <= set(csv_names(line)):
                return "".join(lines), path, len(lines)
            lines.append(line)
            if len(lines) == HEADER_LINES:
                break
    data = path.with_suffix(".csv")
    if data == path or not data.is_file():
        raise ValueError(
            f"{path}: a header of TraceV2 without rows; expected a line of column names with {', '.join(NEEDED)} here, "
            f"or the file '{data.with_suffix('.csv').name}' beside it"
        )
    _, data, skip = _parts(data)
    return "".join(lines), data, skip


def _counts(columns: Columns, name: str) -> Ints:
    """Return a column of counts; 0 where the file has nothing or no such column."""
    if name not in columns:
        return np.zeros(len(columns), np.int64)
    values = columns.number(name, missing=0.0)
    return tokens(Columns(columns.path, columns.header, {name: values}, {}), name)


def _groups(columns: Columns) -> tuple[Ints, Ints]:
    """Return the length of the shared prefix of each request, and the code of its group, -1 for none."""
    group = columns.texts["prefix_group"].code if "prefix_group" in columns else np.full(len(columns), -1)
    return np.where(group >= 0, _counts(columns, "prefix_length"), 0), group


def _prompt(columns: Columns, prefix: Ints, group: Ints) -> Ints:
    own, counted = tokens(columns, "input_tokens"), _counts(columns, "server_input_tokens")
    return np.where((group < 0) & (counted > 0), counted, prefix + own)


def _prefixes(prefix: Ints, group: Ints, block: int) -> Prefixes | None:
    lengths = prefix // block
    if not lengths.any():
        return None
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return Prefixes(offsets, np.repeat(group * int(lengths.max()), lengths) + place, block)


def _codes(columns: Columns, *names: str) -> Ints | None:
    """Return the codes of the first of these columns in which something stands."""
    known = (columns.texts[name].code for name in names if name in columns)
    return next((code for code in known if (code >= 0).any()), None)
