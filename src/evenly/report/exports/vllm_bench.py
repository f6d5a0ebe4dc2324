"""The result file of `vllm bench serve`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Outcome
from evenly.report.exports._parts import encode, listed
from evenly.sweep.folder import write_text

EVEN = 1e12  # burstiness of arrivals at equal gaps: JSON has no infinity
PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class VllmBench:
    """JSON with the keys of `vllm bench serve --save-result --save-detailed`, so that its plots work on all runs.

    A simulated run keeps no gaps between tokens for each request, so `itls` is left out and the ITL figures come from
    the histogram of gaps; a replay has both. `queue_times` is left out where only the engine would know it. There is
    no `date`: equal runs give equal files. `request_rate` and `burstiness` are those of the arrivals.

    Reference: vLLM 0.32, `vllm/benchmarks/serve.py`.
    """

    detailed: bool = True
    "Whether lengths and TTFTs of all requests are listed."

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `vllm-bench.json`."""
        path = folder / "vllm-bench.json"
        write_text(path, self.parts(outcome))
        return path

    def parts(self, outcome: Outcome) -> Iterator[str]:
        """Return the text of the file, part by part."""
        yield encode(self.figures(outcome))[:-1]
        if self.detailed:
            for name, column in details(outcome).items():
                yield ", "
                yield from listed(name, column)
            if "pieces" in outcome.series:
                yield ", "
                yield from _gaps(outcome)
        yield "}\n"

    def figures(self, outcome: Outcome) -> dict[str, Any]:
        """Return the entries that are no lists of requests."""
        items = outcome.items
        done = np.isfinite(items["finish"])
        seconds = float(items["finish"][done].max() - items["arrival"].min()) if done.any() else 0.0
        ttft = (items["first_token"] - items["arrival"])[done]
        e2e = (items["finish"] - items["arrival"])[done]
        output = items["output"][done]
        tpot = items["tpot"][done & (items["output"] > 1)]
        gaps = outcome.series.get("gaps")
        prompt = int(items["prompt"][done].sum())
        whole = int(output.sum())
        result: dict[str, Any] = {
            "endpoint_type": "evenly",
            "backend": "evenly",
            "label": outcome.label,
            "model_id": str(outcome.facts.get("model", "")),
            "tokenizer_id": str(outcome.facts.get("model", "")),
            "num_prompts": len(done),
            **_arrivals(items["arrival"]),
            "max_concurrency": outcome.facts.get("clients"),
            "max_concurrent_requests": most_at_once(items["arrival"][done], items["finish"][done]),
            "duration": seconds,
            "completed": int(done.sum()),
            "failed": int((~done).sum()),
            "total_input_tokens": prompt,
            "total_output_tokens": whole,
            "request_throughput": _ratio(float(done.sum()), seconds),
            "request_goodput": _finite(outcome.metrics.get("goodput", math.nan)),
            "output_throughput": _ratio(whole, seconds),
            "total_token_throughput": _ratio(prompt + whole, seconds),
        }
        for name, times in (("ttft", ttft), ("tpot", tpot), ("e2el", e2e)):
            result |= _figures(name, times)
        if "pieces" in outcome.series:
            result |= _figures("itl", np.concatenate([np.diff(times) for times in pieces(outcome)] or [np.empty(0)]))
        elif gaps is not None:
            result |= _figures("itl", gaps["seconds"])
        return result


def details(outcome: Outcome) -> dict[str, Array]:
    """Return the lists of requests, in order of the trace; times in seconds."""
    items = outcome.items
    arrival = items["arrival"]
    known = {} if np.isnan(items["start"]).all() else {"queue_times": items["start"] - arrival}
    failed = np.where(np.isfinite(items["finish"]), "", "never finished")
    return known | {
        "input_lens": items["prompt"],
        "output_lens": items["output"],
        "ttfts": items["first_token"] - arrival,
        "latencies": items["finish"] - arrival,
        "start_times": arrival,
        "errors": items.get("error", failed),
    }


def pieces(outcome: Outcome) -> list[Floats]:
    """Return when the pieces of each answer came, where an outcome knows it, in order of the trace."""
    owner, times = outcome.series["pieces"]["request"], outcome.series["pieces"]["time"]
    return np.split(times, np.searchsorted(owner, np.arange(1, len(outcome.items["arrival"]))))


def _gaps(outcome: Outcome) -> Iterator[str]:
    """Return the entry with the gaps of each request, in parts."""
    yield '"itls": ['
    for k, times in enumerate(pieces(outcome)):
        yield (", " if k else "") + encode(np.diff(times).tolist())
    yield "]"


def most_at_once(arrival: Floats, finish: Floats) -> int:
    """Return the largest number of requests that are in the system together; one that never ends stays.

    >>> most_at_once(np.array([0.0, 1.0, 2.0]), np.array([1.5, 2.0, 3.0]))
    2
    """
    known = np.sort(finish[np.isfinite(finish)])
    times = np.sort(arrival)
    left = np.searchsorted(known, times, side="right")
    return int((np.arange(1, len(times) + 1) - left).max(initial=0))


def _arrivals(arrival: Floats) -> dict[str, float | str]:
    """Return the rate and the shape of a Gamma law with the same variation of gaps; `inf` if all come at once."""
    gaps = np.diff(np.sort(arrival))
    mean = float(gaps.mean()) if len(gaps) else 0.0
    if mean == 0:
        return {"request_rate": "inf", "burstiness": 1.0}
    variance = float(gaps.var())
    return {"request_rate": 1.0 / mean, "burstiness": mean**2 / variance if variance > 1e-12 * mean**2 else EVEN}


def _figures(name: str, times: Any) -> dict[str, float | None]:
    known = times[np.isfinite(times)]
    if len(known) == 0:
        return {f"{kind}_{name}_ms": None for kind in ("mean", "median", "std", *(f"p{p}" for p in PERCENTILES))}
    figures: dict[str, float | None] = {
        f"mean_{name}_ms": float(known.mean()) * 1e3,
        f"median_{name}_ms": float(np.median(known)) * 1e3,
        f"std_{name}_ms": float(known.std()) * 1e3,
    }
    return figures | {f"p{p}_{name}_ms": float(np.percentile(known, p)) * 1e3 for p in PERCENTILES}


def _ratio(value: float, seconds: float) -> float | None:
    return value / seconds if seconds > 0 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
