"""evenly beside the strongest simulator on PyPI: same trace, same card, same kernel tables, vLLM on both sides.

The peer runs in its own environment, `.venv-peers` or the folder that EVENLY_PEERS names; `venv.sh` makes it.
"""

import json
import os
import subprocess
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure
from benchmarks.peers.summed import Summed
from benchmarks.sweep import TRACE
from evenly.core import Prefixes, Trace
from evenly.hardware.costs.profile import Profile
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.results import outcome
from evenly.serve.scenario import ServeScenario
from evenly.traces.read import read
from evenly.traces.sources.file import File
from evenly.traces.write import write

HERE = Path(__file__).parent
VENV = Path(os.environ.get("EVENLY_PEERS", HERE.parents[1] / ".venv-peers"))
REQUESTS = 5000
SPEEDS = (0.5, 1.0)  # of the trace's own pace: an easy load, and near what one card can take
BUDGET = 8192
SEATS = 256
HASHED = 512  # tokens of a hash in a Mooncake file
REPEATS = 3
ROUNDS = 3  # both sides take turns, for the speed of a shared machine drifts; the best of each counts
TARGET = 100.0
OURS = ("ttft_mean", "ttft_p99", "tpot_mean", None, "e2e_mean", "e2e_p99")
THEIRS = ("mean_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "p99_tpot_ms", "mean_e2e_latency_ms", "p99_e2e_latency_ms")
NAMES = ("TTFT mean", "TTFT p99", "TPOT mean", "TPOT p99", "E2E mean", "E2E p99")


def unshared(trace: Trace) -> Trace:
    """Return the trace with a fresh hash for every block: the peer wants hashes, Azure's file has none."""
    offsets = np.concatenate(([0], np.cumsum(-(-trace.prompt // HASHED))))
    return replace(trace, prefixes=Prefixes(offsets, np.arange(offsets[-1]), HASHED))


def theirs(path: Path) -> dict[str, Any]:
    """Return the peer's time and figures.

    Raises `ValueError` if its environment is missing and `CalledProcessError` if it fails.
    """
    python = VENV / "bin" / "python"
    if not python.exists():
        raise ValueError(f"no peer in {VENV}; run benchmarks/peers/venv.sh, or set EVENLY_PEERS")
    command = [str(python), str(HERE / "aisimulate_run.py"), *map(str, (path, BUDGET, SEATS, REPEATS))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def ours(
    trace: Trace, peer: dict[str, Any], summed: bool = False, repeats: int = 5 * REPEATS
) -> tuple[float, float, list[float]]:
    """Return evenly's CPU-seconds of serving, the same with all figures, and the figures in the peer's order.

    `summed` prices a mixed pass as the peer does.
    """
    profile = Profile(path=peer["tables"])
    cost: Any = Summed(profile) if summed else profile  # a verb with `self` is plain Python, which no Protocol says
    serve = ServeScenario(
        trace=File(path=str(TRACE)),
        model="llama-3.1-8b",
        device="a100-80gb",
        engine=VllmV1(release="0.10", max_num_batched_tokens=BUDGET, max_num_seqs=SEATS, block_size=peer["block"]),
        cost=cost,
        kv_tokens=peer["blocks"] * peer["block"],
    )
    fleet = serve.fleet()
    serve.simulate(fleet=fleet, trace=trace.take(np.arange(100)))
    kernel = whole = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        run = serve.simulate(fleet=fleet, trace=trace)
        kernel = min(kernel, time.process_time() - begin)
        result = outcome(serve, fleet, run)
        whole = min(whole, time.process_time() - begin)
    tpot = float(np.nanquantile(result.items["tpot"], 0.99))
    return kernel, whole, [tpot if name is None else float(result.metrics[name]) for name in OURS]


def turn(path: Path, trace: Trace) -> tuple[dict[str, Any], float, float, float, list[float]]:
    """Return the peer's answer, and evenly's seconds of serving, with all figures, and without hashes; its figures."""
    peer = theirs(path)
    kernel, whole, values = ours(trace, peer)
    bare, _, _ = ours(replace(trace, prefixes=None), peer)
    return peer, kernel, whole, bare, values


def measure() -> list[Figure]:
    """Return requests for each CPU-second of both, their ratio, and the latencies side by side."""
    figures = []
    for speed in SPEEDS:
        with tempfile.TemporaryDirectory(prefix="evenly-bench-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "azure.jsonl"
            write(unshared(File(path=str(TRACE), requests=REQUESTS, speed=speed).draw(0)), path)
            trace = read(path)
            turns = [turn(path, trace) for _ in range(ROUNDS)]
        peer = min((answer for answer, *_ in turns), key=lambda answer: float(answer["seconds"]))
        kernel, whole, bare = (min(times) for times in zip(*((k, w, b) for _, k, w, b, _ in turns), strict=True))
        values = turns[0][-1]
        _, _, priced = ours(trace, peer, summed=True, repeats=1)
        at = f"at {speed:g}x the trace's pace"
        figures += [
            Figure(f"aisimulate, replay alone, {at}", REQUESTS / peer["seconds"], "requests/CPU s"),
            Figure(f"evenly, serving alone, {at}", REQUESTS / kernel, "requests/CPU s"),
            Figure(f"evenly, every figure of the outcome too, {at}", REQUESTS / whole, "requests/CPU s"),
            Figure(f"ratio, serving alone, {at}", peer["seconds"] / kernel, "x", TARGET, at_least=True),
            Figure(f"ratio if evenly reads the trace without hashes, {at}", peer["seconds"] / bare, "x"),
        ]
        for name, mine, same, other in zip(NAMES, values, priced, THEIRS, strict=True):
            peers = peer["figures"][other]
            figures += [
                Figure(f"{name}, aisimulate, {at}", 1e3 * peers, "ms"),
                Figure(f"{name}, evenly, {at}", 1e3 * mine, "ms"),
                Figure(f"{name}, evenly against aisimulate, {at}", 100.0 * (mine / peers - 1.0), "%"),
                Figure(f"{name}, the same with mixed passes priced alike, {at}", 100.0 * (same / peers - 1.0), "%"),
            ]
    return figures
