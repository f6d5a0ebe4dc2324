"""Predict measured serving runs from kernel profiles alone and print the errors.

`python -m benchmarks.fidelity DATA` prints the tables of docs/fidelity.md; `--write` puts them there.
"""

import argparse
import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Floats, Trace
from evenly.hardware.costs.profile import Profile
from evenly.hardware.device import device
from evenly.hardware.memory import kv_tokens
from evenly.hardware.model import model
from evenly.serve.engines.vllm_v0 import VllmV0
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.scenario import ServeScenario
from evenly.traces.read import read
from evenly.traces.sources.file import File

PAGE = Path(__file__).parents[1] / "docs" / "fidelity.md"
RUNS = {  # folder -> model, title, bands of the mean TTFT, TPOT and end-to-end, and a published simulator's errors
    "RTXPRO6000_Llama-3.1-8B": ("llama-3.1-8b", "Llama-3.1-8B, dense", (5.0, 2.0, 3.0), (-4.0, -1.0, -1.8)),
    "RTXPRO6000_Qwen3-30B-A3B": ("qwen3-30b-a3b", "Qwen3-30B-A3B, experts", (10.0, 3.0, 4.0), (-13.6, -1.7, -2.2)),
}
P99_BAND = 15.0  # percent
APEX_BAND = 6.0  # percent, mean error of the TPOT of all runs
APEX_HOST = 0.004  # seconds of host work in a pass of a Python engine of 2024: an assumption, the same for every run


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, measured and predicted."""

    run: str
    metric: str
    measured: float
    ours: float
    band: float | None = None
    "Percent that it may be off; none if it is only shown."
    peer: float | None = None
    "Error in percent of the best published simulator."

    @property
    def error(self) -> float:
        """Return the error in percent of the measured figure."""
        return 100.0 * (self.ours / self.measured - 1.0)

    @property
    def inside(self) -> bool:
        """Return whether the error keeps its band."""
        return self.band is None or abs(self.error) <= self.band


def measured_runs(data: Path) -> list[Row]:
    """Replay the vLLM runs whose requests were all timed, from the profile of the same card."""
    return [row for name in RUNS for row in measured_run(data / "vllm_measured_llmservingsim" / name)]


def measured_run(folder: Path) -> list[Row]:
    """Replay one run: its arrivals and lengths, its engine's settings, its card's profile; nothing else of it."""
    of, title, bands, peer = RUNS[folder.name]
    settings = json.loads((folder / "meta.json").read_text())["engine_kwargs"]
    ranks = settings["data_parallel_size"]
    scenario = ServeScenario(
        trace=File(path=str(folder / "requests.csv")),
        model=of,
        device="rtx-pro-6000",
        engine=VllmV1(
            release="0.10",
            max_num_seqs=ranks * settings["max_num_seqs"],
            max_num_batched_tokens=ranks * settings["max_num_batched_tokens"],
        ),
        cost=Profile(path=str(folder / "profile"), ranks=ranks),
        kv_tokens=_room(of, ranks),
    )
    run = scenario.simulate(record_passes=1_000_000, step=True)
    real = np.genfromtxt(folder / "requests.csv", delimiter=",", names=True, dtype=None, encoding=None)
    real.sort(order="arrival_s", kind="stable")
    times = run.requests
    queued = noticed(times["arrival"], run.log[:, 1], run.log[:, 2])
    ours = {
        "ttft": times["first_token"] - queued,
        "tpot": (times["finish"] - times["first_token"]) / (times["output"] - 1),
        "e2e": times["finish"] - queued,
    }
    rows = []
    for k, (metric, values) in enumerate(ours.items()):
        truth = real[f"{metric}_s"]
        rows.append(Row(title, f"{metric} mean", truth.mean(), values.mean(), bands[k], peer[k]))
        for q, band in ((50, None), (90, None), (99, P99_BAND)):
            rows.append(Row(title, f"{metric} p{q}", np.percentile(truth, q), np.percentile(values, q), band))
    return rows


def _room(of: str, ranks: int) -> int:
    """Return the KV capacity of all ranks, each of which holds its share of the experts and all other weights."""
    found, card = model(of), device("rtx-pro-6000")
    away = found.layers * found.experts * found.expert_parameters * found.bytes * (1 - 1 / ranks)
    return ranks * (kv_tokens(found, card, 1) + int(away / found.kv_bytes))


def noticed(arrival: Floats, start: Floats, end: Floats) -> Floats:
    """Return when the engine sees each request: at the end of the pass that runs when it arrives.

    >>> noticed(np.array([0.5, 1.5, 3.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    array([1., 2., 3.])
    """
    following = np.searchsorted(end, arrival)
    inside = np.minimum(following, len(end) - 1)
    busy = (following < len(end)) & (start[inside] < arrival)
    return np.where(busy, end[inside], arrival)


def apex_runs(data: Path, host: float = APEX_HOST) -> list[Row]:
    """Replay the measured runs of APEX+ on H100 from kernels that NVIDIA measured on that card."""
    with (data / "apex_measured" / "runs.csv").open() as file:
        return [row for run in csv.DictReader(file) for row in apex_run(data, run, host)]


def apex_run(data: Path, run: dict[str, str], host: float) -> list[Row]:
    """Replay one engine of one run; outputs are shortened evenly to the tokens that were served."""
    found = re.fullmatch(r"(llama_\w+?_\d+)_validation_(?:(\d)DP)?(\d)TP(?:_(\d))?", run["run"])
    assert found is not None
    name, replicas, tensor, part = found[1], int(found[2] or 1), int(found[3]), int(found[4] or 0)
    whole = read(str(data / "apex_traces" / f"{name}.csv.gz"))
    own = whole.take(np.arange(part, len(whole), replicas))
    served = float(run["served_output_tokens"]) / float(run["trace_output_tokens"])
    trace = Trace(
        arrival=own.arrival - own.arrival[0],
        prompt=own.prompt,
        output=np.maximum(2, np.round(own.output * served).astype(np.int64)),
    )
    scenario = ServeScenario(
        trace=File(path=str(data / "apex_traces" / f"{name}.csv.gz")),
        model="llama-3.1-70b",
        device="h100",
        tensor=tensor,
        engine=VllmV0(),
        cost=Profile(path=str(data / "kernel_tables_aic" / "h100_sxm"), host=host),
        max_model_len=8192,
    )
    times = scenario.simulate(trace=trace).requests
    ttft = float((times["first_token"] - times["arrival"]).mean())
    tpot = float(((times["finish"] - times["first_token"]) / (times["output"] - 1)).mean())
    label = run["run"].replace("llama_", "").replace("_validation_", ", ")
    return [
        Row(label, "tpot mean", float(run["tpot_s"]), tpot),
        Row(label, "ttft mean", float(run["ttft_s"]), ttft),
    ]


def mean_error(rows: Iterable[Row], metric: str) -> tuple[float, float]:
    """Return the mean and the largest absolute error in percent."""
    errors = [abs(row.error) for row in rows if row.metric == metric]
    return float(np.mean(errors)), max(errors)


def table(rows: Iterable[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [
        "| run | figure | measured, s | predicted, s | error | may be off | best published simulator |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        band = f"{row.band:g}%" if row.band is not None else ""
        peer = f"{row.peer:+.1f}%" if row.peer is not None else ""
        lines.append(
            f"| {row.run} | {row.metric} | {row.measured:.4g} | {row.ours:.4g} | {row.error:+.1f}% | {band} | {peer} |"
        )
    return "\n".join(lines)


def tables(data: Path) -> dict[str, str]:
    """Return the tables of the page, by name."""
    apex = apex_runs(data)
    hosts = "\n".join(
        f"| {host * 1e3:g} | {error:.1f}% | {worst:.1f}% |"
        for host in (0.0, 0.003, 0.004, 0.005, 0.006)
        for error, worst in [mean_error(apex_runs(data, host), "tpot mean")]
    )
    return {
        "runs": table(measured_runs(data)),
        "apex": table(row for row in apex if row.metric == "tpot mean"),
        "apex-mean": "| figure | mean error | worst error |\n|---|---:|---:|\n"
        + "\n".join(
            f"| {m} | {e:.1f}% | {w:.1f}% |" for m in ("tpot mean", "ttft mean") for e, w in [mean_error(apex, m)]
        ),
        "apex-host": f"| host work in a pass, ms | mean error of TPOT | worst |\n|---:|---:|---:|\n{hosts}",
    }


def insert(page: str, found: dict[str, str]) -> str:
    """Return the page with each table between its two marks."""
    for name, text in found.items():
        start, end = f"<!-- table {name} -->", f"<!-- end {name} -->"
        before, mark, rest = page.partition(start)
        _, close, after = rest.partition(end)
        if not mark or not close:
            raise ValueError(f"the page has no marks '{start}' and '{end}'")
        page = f"{before}{start}\n{text}\n{end}{after}"
    return page


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the public traces and profiles")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/fidelity.md")
    chosen: Any = parser.parse_args(arguments)
    found = tables(chosen.data)
    if chosen.write:
        PAGE.write_text(insert(PAGE.read_text(), found))
    print("\n\n".join(found.values()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
