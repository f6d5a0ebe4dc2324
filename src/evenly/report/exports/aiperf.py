"""The per-request file of AIPerf."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenly.core import Outcome
from evenly.report.exports._parts import chunks, encode
from evenly.sweep.folder import write_text

NEVER = {"code": 400, "type": "RequestRejected", "message": "the request does not fit into a replica"}
MS = 1e3  # the format counts milliseconds


@dataclass(frozen=True, slots=True)
class Aiperf:
    """`profile_export.jsonl` as NVIDIA's AIPerf writes it: one line a request with its metadata and metrics.

    The clock starts at the first arrival instead of 1970. Gaps of a single request are not kept: its
    `inter_token_latency` is their mean, and `inter_chunk_latency` is left out.

    Reference: AIPerf, `docs/tutorials/working-with-profile-exports.md`.
    """

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `profile_export.jsonl`."""
        path = folder / "profile_export.jsonl"
        write_text(path, (encode(entry) + "\n" for entry in self.entries(outcome)))
        return path

    def entries(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """Return one entry a request, in order of the trace."""
        turns: dict[int, int] = {}
        number = 0
        for part in chunks(outcome.items):
            for row in zip(*part.values(), strict=True):
                request = dict(zip(part, row, strict=True))
                session = request.get("session", -1)
                turn = turns[session] = turns.get(session, -1) + 1
                who = {
                    "session_num": number,
                    "x_request_id": f"request-{number}",
                    "conversation_id": f"session-{session}" if session >= 0 else f"request-{number}",
                    "turn_index": turn if session >= 0 else 0,
                }
                yield {"metadata": who | _times(request), **_figures(request)}
                number += 1


def _times(request: dict[str, Any]) -> dict[str, Any]:
    end = request["finish"] if request["finish"] is not None else request["arrival"]
    return {
        "request_start_ns": round(request["arrival"] * 1e9),
        "request_ack_ns": None,
        "request_end_ns": round(end * 1e9),
        "worker_id": f"replica-{request['replica']}",
        "record_processor_id": "evenly",
        "benchmark_phase": "profiling",
        "was_cancelled": False,
        "cancellation_time_ns": None,
    }


def _figures(request: dict[str, Any]) -> dict[str, Any]:
    if request["finish"] is None:
        return {"metrics": {"error_isl": {"value": request["prompt"], "unit": "tokens"}}, "error": NEVER}
    latency = request["finish"] - request["arrival"]
    metrics = {
        "input_sequence_length": (request["prompt"], "tokens"),
        "output_sequence_length": (request["output"], "tokens"),
        "output_token_count": (request["output"], "tokens"),
        "time_to_first_token": (MS * (request["first_token"] - request["arrival"]), "ms"),
        "request_latency": (MS * latency, "ms"),
    }
    if request["tpot"]:
        metrics["inter_token_latency"] = (MS * request["tpot"], "ms")
        metrics["output_token_throughput_per_user"] = (1 / request["tpot"], "tokens/sec/user")
    return {"metrics": {name: {"value": v, "unit": unit} for name, (v, unit) in metrics.items()}, "error": None}
