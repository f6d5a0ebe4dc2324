"""A year's worth of chat requests: generated, written, read and served by a fleet."""

import tempfile
import time
import warnings
from pathlib import Path

from benchmarks.calibration import peak_gib
from benchmarks.figures import Figure
from evenly.core import Trace
from evenly.serve.results import outcome
from evenly.serve.scenario import ServeScenario
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.read import read
from evenly.traces.sources.burstgpt import Burstgpt
from evenly.traces.sources.poisson import Poisson
from evenly.traces.write import write

REQUESTS = 10_310_000  # what the BurstGPT data set counts
RATE = 200.0  # requests/s of the whole fleet
REPLICAS = 40
WINDOW = 1200.0  # seconds in which rate and burstiness hold still: 20 minutes, as the data set was studied
LONGEST = 16_384  # tokens of prompt and answer
CPU_LIMIT = 60.0
MEMORY_LIMIT = 6.0
FEW = 2000  # requests of the run that compiles the kernel


def bursty(requests: int, rate: float, seed: int) -> Trace:
    """Return BurstGPT as published from Monday morning on, at `rate` requests a second, with the lengths of ShareGPT.

    Hours, services, sessions and failures included; failed requests are written and read, and never served.
    """
    hours = 1.05 * requests / rate / 3600.0 + 0.5  # a little more than needed: the seed moves the number of arrivals
    source = Burstgpt(start=8.0, hours=hours, rate=rate, window=WINDOW, requests=requests, lengths=Quantiles())
    trace = source.draw(seed)
    assert len(trace) == requests, "the span is too short for so many requests"
    return trace


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
        Figure("requests served, without the failed ones", float(len(run.requests)), ""),
        Figure("served requests for each CPU-second of serving", len(run.requests) / stages["serve"], "/s"),
        Figure("file", size, "MB"),
        Figure("mean TTFT in the simulated fleet", float(result.metrics["ttft_mean"]), "s of simulated time"),
    ]
