"""Cost of a request from ten thousand to ten million of them."""

import time

from benchmarks.figures import Figure
from benchmarks.fleet import scenario
from evenly.traces.sources.poisson import Poisson

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
RATE = 20.0
REPLICAS = 4
LIMIT = 1.2  # dearest over cheapest
SAMPLED = 1_000_000  # requests simulated at least for each size


def measure() -> list[Figure]:
    """Return microseconds of CPU time for each request by size of the trace, the best of repeated runs."""
    serve = scenario(REPLICAS)
    serve.simulate()
    figures = []
    for size in SIZES:
        trace = Poisson(rate=RATE, requests=size).draw(0)
        best = float("inf")
        for _ in range(max(2, min(10, SAMPLED // size))):
            begin = time.process_time()
            serve.simulate(trace=trace)
            best = min(best, time.process_time() - begin)
        figures.append(Figure(f"one of {size:,} requests", best / size * 1e6, "CPU us"))
    values = [figure.value for figure in figures]
    return [*figures, Figure("dearest over cheapest", max(values) / min(values), "", LIMIT)]
