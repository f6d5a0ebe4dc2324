"""Forty rates by five engines on the Azure conversation trace, on two cores."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.calibration import spent
from benchmarks.figures import Figure
from evenly.core import Document
from evenly.sweep.execute import run
from evenly.sweep.plan import cells

DATA = Path(os.environ.get("EVENLY_DATA", Path(__file__).parents[2] / "shared" / "data"))
TRACE = DATA / "azure_llm_2023" / "AzureLLMInferenceTrace_conv.csv.gz"
ENGINES = ("vllm-v1", "vllm-v0", "vllm-v0-chunked", "sarathi", "fastgen")
SPEEDS = np.linspace(0.05, 2.0, 40).round(3).tolist()
JOBS = 2
LIMIT = 60.0

SCENARIO = f"""
kind: serve
trace: {{use: file, path: {TRACE}}}
model: llama-3.1-8b
device: a100-80gb
replicas: 2
max_model_len: 16384
compare: {{{", ".join(f"{name}: {{engine: {name}}}" for name in ENGINES)}}}
"""


def measure() -> list[Figure]:
    """Return the seconds and CPU-seconds of the whole sweep, run folders included."""
    with tempfile.TemporaryDirectory(prefix="evenly-bench-") as folder:
        path = Path(folder) / "sweep.yaml"
        path.write_text(SCENARIO)
        plan = cells(Document.read(path), over={"trace.speed": SPEEDS})
        cpu, begin = spent(), time.perf_counter()
        outcomes = run(plan, Path(folder) / "runs", jobs=JOBS)
        wall = time.perf_counter() - begin
        _stop_workers()
        cpu = spent() - cpu
    served = sum(len(outcome.items["arrival"]) for outcome in outcomes if outcome.items)
    return [
        Figure("whole sweep, elapsed", wall, "s", LIMIT),
        Figure("whole sweep, all processes", cpu, "CPU s"),
        Figure("runs", float(len(outcomes)), ""),
        Figure("requests served", float(served), ""),
    ]


def _stop_workers() -> None:
    """End joblib's workers, whose CPU time counts only once they have ended."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
