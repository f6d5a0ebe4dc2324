"""A trace sent to a server on this machine at a hundred times its speed: how late is the client itself?"""

import subprocess
import sys
from dataclasses import replace

from benchmarks.figures import Figure
from evenly.hosts.replay import replay
from evenly.traces.sources.burstgpt import Burstgpt

SPEED = 100.0
CASES = {  # name -> requests a second at speed 1, hours, limit of the lag of 99% of the requests in seconds
    "BurstGPT's mean rate": (1_429_738 / (61 * 86_400), 0.5, 0.02),  # rows and days of its first file
    "the rate of the Azure conversation trace": (5.5, 0.25, None),
}


def measure() -> list[Figure]:
    """Return lag and latency of replays against a stub with a queue, in a process of its own."""
    figures = []
    for name, (rate, hours, limit) in CASES.items():
        trace = replace(Burstgpt(start=8.0, hours=hours, rate=rate).draw(0), session=None)
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as stub:
            assert stub.stdin is not None
            assert stub.stdout is not None
            port = int(stub.stdout.readline())
            found = replay(trace, f"http://127.0.0.1:{port}/v1", speed=SPEED).figures()
            stub.stdin.close()
        figures += [
            Figure(f"requests a second, {name}", found["requests"] * SPEED / (hours * 3600.0), "/s"),
            Figure(f"failed, {name}", found["failed"], "share", 0.0),
            Figure(f"sent later than due, median, {name}", found["lag_p50"], "s"),
            Figure(f"sent later than due, p99, {name}", found["lag_p99"], "s", limit),
            Figure(f"sent later than due, worst, {name}", found["lag_max"], "s"),
            Figure(f"time to first token by the queue of the stub, p99, {name}", found["ttft_p99"], "s"),
        ]
    return figures
