"""A trace sent to a server on this machine at a hundred times its speed: how late is the client itself?"""

import subprocess
import sys
from dataclasses import replace

from benchmarks.figures import Figure
from evenly.hosts.replay import replay
from evenly.traces.sources.burstgpt import Burstgpt

SPEED = 100.0
RATE = 5.5  # requests/s at speed 1: that of the Azure conversation trace
HOURS = 0.5
LIMIT = 0.02  # seconds that 99% of the requests may be late


def measure() -> list[Figure]:
    """Return lag and latency of a replay against a stub with a queue, in a process of its own."""
    trace = Burstgpt(start=8.0, hours=HOURS, rate=RATE).draw(0)
    trace = replace(trace, session=None)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stub:
        assert stub.stdin is not None
        assert stub.stdout is not None
        port = int(stub.stdout.readline())
        found = replay(trace, f"http://127.0.0.1:{port}/v1", speed=SPEED).figures()
        stub.stdin.close()
    return [
        Figure("requests", found["requests"], ""),
        Figure("requests a second", found["requests"] * SPEED / (HOURS * 3600.0), "/s"),
        Figure("failed", found["failed"], "share", 0.0),
        Figure("sent later than due, median", found["lag_p50"], "s"),
        Figure("sent later than due, p99", found["lag_p99"], "s", LIMIT),
        Figure("sent later than due, worst", found["lag_max"], "s"),
        Figure("time to first token, p99, by the queue of the stub", found["ttft_p99"], "s"),
    ]
