"""Exact prefix caching on the Mooncake conversation trace."""

import time

from benchmarks.calibration import peak_gib
from benchmarks.figures import Figure
from benchmarks.sweep import DATA
from evenly.serve.routers.prefix_aware import PrefixAware
from evenly.serve.scenario import ServeScenario
from evenly.traces.read import read
from evenly.traces.sources.poisson import Poisson

TRACE = DATA / "mooncake_fast25" / "conversation_trace.jsonl.gz"
LIMIT = 20.0
LONGEST = 131_072
REPLICAS = 16
CACHED = 2_000_000  # tokens of KV cache of a replica, host memory included


def measure() -> list[Figure]:
    """Return the CPU-seconds of reading and serving, and what the cache gave."""
    serve = ServeScenario(
        trace=Poisson(requests=2000),
        replicas=REPLICAS,
        route=PrefixAware(),
        max_model_len=LONGEST,
        kv_tokens=CACHED,
        device="h200",
    )
    serve.simulate()
    begin = time.process_time()
    trace = read(TRACE)
    reading = time.process_time() - begin
    run = serve.simulate(trace=trace)
    whole = time.process_time() - begin
    requests = run.requests
    return [
        Figure("read", reading, "CPU s"),
        Figure("serve", whole - reading, "CPU s"),
        Figure("both", whole, "CPU s", LIMIT),
        Figure("requests", float(len(trace)), ""),
        Figure("prompt tokens", float(trace.prompt.sum()), ""),
        Figure("prompt tokens found in the cache", 100.0 * requests["cached"].sum() / trace.prompt.sum(), "%"),
        Figure("memory, peak", peak_gib(), "GiB"),
    ]
