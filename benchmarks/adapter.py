"""What the adapter for vLLM costs: CPU time of a pass's scheduling, with policies and without.

Needs the environment of `make vllm`: `.venv-vllm/bin/python -m benchmarks.adapter`. vLLM's own scheduler and the
adapter's serve the same requests in turn, with a model that answers at once; what is timed is `schedule`,
`update_from_output` and `add_request`, all that vLLM's scheduler does for a pass.
"""

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher
from vllm.v1.core.sched.scheduler import Scheduler as Plain
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request

from benchmarks.calibration import machine
from benchmarks.fidelity import insert
from benchmarks.real import PAGE, RESULTS
from evenly.core.document import unstructure
from evenly.hosts.vllm import Scheduler
from tests.hosts.vllm.schedule.scheduler import scheduler_of
from tests.serve.twin.jobs import Setup

REQUESTS, SEATS = 256, 64
ROUNDS = 7  # each of them serves all requests once with every scheduler
LIMIT = 5.0  # per cent of vLLM's own time
POLICIES: Mapping[str, Mapping[str, Any] | None] = {
    "vLLM's own": None,
    "adapter, no policy": {},
    "priority, least-urgent": {"order": "priority", "evict": "least-urgent"},
    "shortest-remaining, least-recompute": {"order": "shortest-remaining", "evict": "least-recompute"},
    "virtual-token-counter": {"order": "virtual-token-counter"},
    "program-first-come, fixed-ttl": {"order": "program-first-come", "retain": "fixed-ttl"},
    "tbt-target": {"budget": "tbt-target"},
}


def requests(setup: Setup) -> list[Request]:
    """Return the requests of a round: prompts of 16 to 500 tokens, answers of 16 to 200, of eight users."""
    chance = np.random.default_rng(0)
    hasher = get_request_block_hasher(setup.block, sha256)
    return [
        Request(
            request_id=str(k),
            prompt_token_ids=chance.integers(0, 8000, int(chance.integers(16, 500))).tolist(),
            sampling_params=SamplingParams(
                max_tokens=int(chance.integers(16, 200)),
                ignore_eos=True,
                extra_args={"evenly_user": str(k % 8), "evenly_program": str(k), "evenly_last_turn": 1},
            ),
            pooling_params=None,
            arrival_time=float(k),
            block_hasher=hasher,
        )
        for k in range(REQUESTS)
    ]


def seconds(policies: Mapping[str, Any] | None) -> tuple[float, int]:
    """Return the CPU seconds of serving all requests once, and how often a request was in a pass."""
    setup = Setup(engine="vllm-v1", blocks=2500, seats=SEATS, budget=2048, longest=1024, cache=True, whole=True)
    if policies is None:
        scheduler = scheduler_of(setup, Plain)
    else:
        scheduler = scheduler_of(setup, Scheduler, {"evenly": dict(policies)})
    spent = 0.0

    def timed(call: Callable[..., Any], *values: Any) -> Any:
        nonlocal spent
        start = time.thread_time()
        found = call(*values)
        spent += time.thread_time() - start
        return found

    gc.collect()
    gc.disable()
    for request in requests(setup):
        timed(scheduler.add_request, request)
    entries = 0
    while scheduler.has_unfinished_requests():
        output = timed(scheduler.schedule)
        names = list(output.num_scheduled_tokens)
        done = [scheduler.requests[name].num_computed_tokens == scheduler.requests[name].num_tokens for name in names]
        sampled = [[7] if ends else [] for ends in done]
        places = {name: place for place, name in enumerate(names)}
        timed(scheduler.update_from_output, output, ModelRunnerOutput(names, places, sampled))
        entries += len(names)
    gc.enable()
    return spent, entries


def measure() -> dict[str, dict[str, float]]:
    """Return for each set of policies the microseconds for a request in a pass, and the per cent over vLLM's own.

    Both are medians of the rounds; policies put other requests together, so a pass is no common measure.
    """
    for policies in POLICIES.values():
        seconds(policies)  # what is compiled and imported once
    rounds = [{name: seconds(policies) for name, policies in POLICIES.items()} for _ in range(ROUNDS)]
    own = next(iter(POLICIES))
    found = {}
    for name in POLICIES:
        each = [1e6 * spent / entries for spent, entries in (one[name] for one in rounds)]
        over = [100 * (one[name][0] / one[name][1] / (one[own][0] / one[own][1]) - 1) for one in rounds]
        found[name] = {"us_a_request": statistics.median(each), "over_percent": statistics.median(over)}
    return found


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| scheduler | CPU time of a request in a pass | over vLLM's own |", "|---|---:|---:|"]
    for name, figures in found.items():
        over = f"{figures['over_percent']:+.1f}%" if figures["over_percent"] else ""
        lines.append(f"| {name} | {figures['us_a_request']:.1f} µs | {over} |")
    return "\n".join(lines)


if __name__ == "__main__":
    measured = measure()
    (RESULTS / "adapter.json").write_text(json.dumps({"machine": unstructure(machine()), "rows": measured}, indent=1))
    PAGE.write_text(insert(PAGE.read_text(), {"adapter": table(measured)}))
    print(table(measured))
