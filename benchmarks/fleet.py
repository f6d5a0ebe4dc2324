"""A year's worth of chat requests: generated, written, read and served by a fleet."""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.calibration import peak_gib
from benchmarks.figures import Figure
from evenly.core import Trace
from evenly.serve.results import outcome
from evenly.serve.scenario import ServeScenario
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.read import read
from evenly.traces.sources.poisson import Poisson
from evenly.traces.write import write

REQUESTS = 10_310_000  # what the BurstGPT data set counts
RATE = 200.0  # requests/s of the whole fleet
REPLICAS = 40
WINDOW = 1200.0  # seconds in which rate and burstiness hold still
LONGEST = 16_384  # tokens of prompt and answer
CPU_LIMIT = 60.0
MEMORY_LIMIT = 6.0
FEW = 2000  # requests of the run that compiles the kernel


def bursty(requests: int, rate: float, seed: int) -> Trace:
    """Return Gamma arrivals whose rate follows the day and whose burstiness changes from window to window.

    Reference: Wang et al., "BurstGPT: a real-world workload dataset to optimize LLM serving systems", 2024, fits Gamma
    gaps in windows of 20 minutes.
    """
    chance = np.random.default_rng(seed)
    windows = int(requests / (rate * WINDOW) * 2) + 2
    hour = np.arange(windows) * WINDOW / 3600.0
    rates = rate * (1.0 + 0.4 * np.sin(2 * np.pi * hour / 24.0)) * chance.lognormal(0.0, 0.1, windows)
    counts = np.rint(rates * WINDOW).astype(np.int64)
    of = np.repeat(np.arange(windows), counts)[:requests]
    shape = chance.uniform(0.1, 1.0, windows)  # 1 / cv^2: cv from 1 to 3.2
    gaps = chance.standard_gamma(shape[of])
    gaps /= (shape * rates)[of]
    prompt, output = Quantiles().draw(requests, chance)
    return Trace(np.cumsum(gaps), prompt, output)


def scenario(replicas: int = REPLICAS) -> ServeScenario:
    """Return the fleet; its own source is never drawn."""
    return ServeScenario(trace=Poisson(requests=FEW), replicas=replicas, max_model_len=LONGEST)


def measure() -> list[Figure]:
    """Return the CPU-seconds of each stage, of all, and the largest memory."""
    serve = scenario()
    serve.simulate()  # compiles or loads the kernel
    stages: dict[str, float] = {}

    def lap(name: str, begin: float) -> float:
        now = time.process_time()
        stages[name] = now - begin
        return now

    with tempfile.TemporaryDirectory(prefix="evenly-bench-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "requests.csv"
        begin = clock = time.process_time()
        trace = bursty(REQUESTS, RATE, seed=0)
        clock = lap("generate", clock)
        write(trace, path, "azure-2024")
        clock = lap("write", clock)
        del trace
        trace = read(path)
        clock = lap("read", clock)
        fleet = serve.fleet()
        run = serve.simulate(fleet=fleet, trace=trace)
        clock = lap("serve", clock)
        result = outcome(serve, fleet, run)
        clock = lap("summarise", clock)
        size = path.stat().st_size / 1e6
    figures = [Figure(name, seconds, "CPU s") for name, seconds in stages.items()]
    return [
        *figures,
        Figure("all stages", clock - begin, "CPU s", CPU_LIMIT),
        Figure("memory, peak", peak_gib(), "GiB", MEMORY_LIMIT),
        Figure("requests", float(len(trace)), ""),
        Figure("requests for each CPU-second of serving", len(trace) / stages["serve"], "/s"),
        Figure("file", size, "MB"),
        Figure("mean TTFT in the simulated fleet", float(result.metrics["ttft_mean"]), "s of simulated time"),
    ]
