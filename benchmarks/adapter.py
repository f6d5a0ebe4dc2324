"""What the adapter for vLLM costs: CPU time of its scheduling over vLLM's own, on the same passes.

Needs the environment of `make vllm`: `.venv-vllm/bin/python -m benchmarks.adapter [POLICIES ...]`; of policies that are
not named the rows stay as they were. A model that answers at once stands behind both schedulers; what is timed is
`schedule`, `update_from_output` and `add_request`, all that vLLM's scheduler does for a pass. A policy that puts
requests together in another way also changes vLLM's own work, so vLLM's scheduler is brought to make the very same
passes: it gets the requests in the order in which the policy started them, and each pass the policy's budget.

Other work on the machine only ever adds to a time. Every round makes the same passes, so each pass counts with the
least time that it took in any round.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from evenly.core import Floats
from evenly.core.document import unstructure
from evenly.hosts.vllm import Scheduler
from tests.hosts.vllm.schedule.scheduler import scheduler_of
from tests.serve.twin.jobs import Setup

REQUESTS, SEATS = 256, 64
ROUNDS = 20  # each of them serves all requests once with every scheduler
TIGHT, AMPLE = 1500, 5000  # blocks: where requests are preempted, and where they never are
PRIORITY = "priority, least-urgent"  # preempts, and vLLM has the same by itself
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "no policy": {},
    PRIORITY: {"order": "priority", "evict": "least-urgent"},
    "shortest-remaining": {"order": "shortest-remaining"},
    "virtual-token-counter": {"order": "virtual-token-counter"},
    "deficit-round-robin": {"order": "deficit-round-robin"},
    "least-attained-service": {"order": "least-attained-service"},
    "program-first-come": {"order": "program-first-come"},
    "fixed-ttl": {"retain": "fixed-ttl"},
    "tbt-target": {"budget": "tbt-target"},
}


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """How a scheduler served all requests."""

    seconds: list[float]
    "CPU time of the scheduler: to take all requests in, then each pass."
    entries: int
    "How often a request was in a pass."
    starts: list[str]
    "Requests in the order in which they started."
    passes: list[tuple[int, dict[str, int]]]
    "The most tokens of each pass, and what it gave to whom."


def requests(block: int) -> dict[str, Request]:
    """Return prompts of 16 to 500 tokens, answers of 16 to 200, of eight users in programs of two turns."""
    chance = np.random.default_rng(0)
    hasher = get_request_block_hasher(block, sha256)
    made = {}
    for k in range(REQUESTS):
        hints = {"evenly_user": str(k % 8), "evenly_program": str(k // 2), "evenly_turn": k % 2}
        made[str(k)] = Request(
            request_id=str(k),
            prompt_token_ids=chance.integers(0, 8000, int(chance.integers(16, 500))).tolist(),
            sampling_params=SamplingParams(
                max_tokens=int(chance.integers(16, 200)),
                ignore_eos=True,
                extra_args=hints | {"evenly_last_turn": k % 2},
            ),
            pooling_params=None,
            arrival_time=float(k),
            priority=int(chance.integers(0, 4)),
            block_hasher=hasher,
        )
    return made


def serve(name: str, like: Served | None = None) -> Served:
    """Serve all requests once with a set of policies, or with vLLM's own scheduler in the passes of `like`."""
    blocks = TIGHT if name == PRIORITY else AMPLE
    own = name == PRIORITY and like is not None
    setup = Setup(
        engine="vllm-v1",
        blocks=blocks,
        seats=SEATS,
        budget=2048,
        longest=1024,
        cache=True,
        whole=True,
        priority=own,
    )
    more = {"evenly": dict(POLICIES[name])} if like is None else None
    scheduler = scheduler_of(setup, Scheduler if like is None else Plain, more)
    spent = [0.0]

    def timed(call: Callable[..., Any], *values: Any) -> Any:
        start = time.thread_time()
        found = call(*values)
        spent[-1] += time.thread_time() - start
        return found

    made = requests(setup.block)
    gc.collect()
    gc.disable()
    for name_of in like.starts if like is not None and not own else list(made):
        timed(scheduler.add_request, made[name_of])
    starts: dict[str, None] = {}
    passes: list[tuple[int, dict[str, int]]] = []
    while scheduler.has_unfinished_requests():
        if like is not None:
            scheduler.max_num_scheduled_tokens = like.passes[len(passes)][0]
        spent.append(0.0)
        output = timed(scheduler.schedule)
        starts |= {new.req_id: None for new in output.scheduled_new_reqs}
        passes.append((scheduler.max_num_scheduled_tokens, dict(output.num_scheduled_tokens)))
        timed(scheduler.update_from_output, output, answer(scheduler, list(output.num_scheduled_tokens)))
    gc.enable()
    return Served(spent, sum(len(given) for _, given in passes), list(starts), passes)


def answer(scheduler: Any, names: list[str]) -> ModelRunnerOutput:
    """Return what a model would: a token for each request whose known tokens are all computed."""
    done = [scheduler.requests[name].num_computed_tokens == scheduler.requests[name].num_tokens for name in names]
    sampled = [[7] if ends else [] for ends in done]
    return ModelRunnerOutput(names, {name: place for place, name in enumerate(names)}, sampled)


def measure(names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return for each set of policies the microseconds for a request in a pass, vLLM's own, and the per cent over.

    In each round the two serve in turn, and which is first alternates. `apart_percent` is how far the per cent over lie
    apart that the even and the odd rounds give by themselves.
    """
    found = {}
    for name in names:
        like = serve(name)  # also compiles and imports what is needed once
        assert serve(name, like).passes == like.passes, f"{name}: vLLM's own scheduler makes other passes"
        both = []
        for turn in range(ROUNDS):
            pair = [serve(name, other).seconds for other in ((None, like) if turn % 2 else (like, None))]
            both.append(pair if turn % 2 else pair[::-1])
        rounds = np.array(both)  # by round, by scheduler (ours, vLLM's own), by pass
        ours, own = rounds.min(axis=0).sum(axis=1)
        halves = [over_percent(rounds[first::2]) for first in (0, 1)]
        found[name] = {
            "us_a_request": 1e6 * ours / like.entries,
            "own_us_a_request": 1e6 * own / like.entries,
            "over_percent": over_percent(rounds),
            "apart_percent": abs(halves[0] - halves[1]),
        }
        print(f"{name}: {found[name]['over_percent']:+.1f}%", file=sys.stderr, flush=True)
    return found


def over_percent(rounds: Floats) -> float:
    """Return by how many per cent the adapter's passes take longer than vLLM's own."""
    ours, own = rounds.min(axis=0).sum(axis=1)
    return float(100 * (ours / own - 1))


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| policies | a request in a pass, vLLM's own | with the adapter | over vLLM's own | half the rounds, apart |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found.items():
        times = f"{row['own_us_a_request']:.1f} µs | {row['us_a_request']:.1f} µs"
        lines.append(f"| {name} | {times} | {row['over_percent']:+.1f}% | {row['apart_percent']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(POLICIES):
        sys.exit(f"no policies {', '.join(sorted(unknown))}; there are {'; '.join(POLICIES)}")
    file = RESULTS / "adapter.json"
    before = json.loads(file.read_text())["rows"] if sys.argv[1:] else {}
    found = before | measure(sys.argv[1:] or list(POLICIES))
    measured = {name: found[name] for name in POLICIES if name in found}
    file.write_text(json.dumps({"machine": unstructure(machine()), "rows": measured}, indent=1))
    PAGE.write_text(insert(PAGE.read_text(), {"adapter": table(measured)}))
    print(table(measured))
