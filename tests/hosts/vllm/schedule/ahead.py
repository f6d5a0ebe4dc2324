"""vLLM's asynchronous scheduler without a model: two passes are under way at once."""

from collections import deque
from typing import Any

import numpy as np
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request

from evenly.hosts.vllm import Scheduler
from tests.hosts.vllm.schedule.scheduler import scheduler_of
from tests.serve.twin.jobs import Setup

SETUP = Setup(engine="vllm-v1", blocks=150, seats=16, budget=512, longest=1024, cache=True, whole=True)
FLIGHTS = 2  # passes under way at once
Passes = list[dict[str, int]]


def requests() -> list[Request]:
    """Return 60 requests of four users in programs of two turns."""
    chance = np.random.default_rng(3)
    hasher = get_request_block_hasher(SETUP.block, sha256)
    return [
        Request(
            request_id=f"{k:03d}",
            prompt_token_ids=chance.integers(0, 8000, int(chance.integers(16, 300))).tolist(),
            sampling_params=SamplingParams(
                max_tokens=int(chance.integers(4, 80)),
                ignore_eos=True,
                extra_args={
                    "evenly_user": str(k % 4),
                    "evenly_program": str(k // 2),
                    "evenly_turn": k % 2,
                    "evenly_last_turn": k % 2,
                },
            ),
            pooling_params=None,
            arrival_time=float(k),
            block_hasher=hasher,
        )
        for k in range(60)
    ]


def served(scheduler: Any) -> tuple[Passes, int]:
    """Serve all requests with two passes in flight; return the tokens of each pass and how many were preempted."""
    for request in requests():
        scheduler.add_request(request)
    flying: deque[Any] = deque()
    passes: Passes = []
    preempted = 0
    while scheduler.has_unfinished_requests():
        assert len(passes) < 10_000, "the engine stands still"
        output = scheduler.schedule()
        preempted += len(output.preempted_req_ids or ())
        passes.append(dict(output.num_scheduled_tokens))
        names = list(output.num_scheduled_tokens)
        sampled = [[] if scheduler.requests[name].is_prefill_chunk else [7] for name in names]  # known only now
        flying.append((output, sampled))
        if len(flying) == FLIGHTS or not output.total_num_scheduled_tokens:
            land(scheduler, *flying.popleft())
    while flying:
        land(scheduler, *flying.popleft())
    return passes, preempted


def land(scheduler: Any, output: Any, sampled: list[list[int]]) -> None:
    """Give vLLM the tokens of a pass."""
    names = list(output.num_scheduled_tokens)
    scheduler.update_from_output(
        output, ModelRunnerOutput(names, {name: place for place, name in enumerate(names)}, sampled)
    )


def made(policies: Any) -> Any:
    """Return the adapter's scheduler under some policies, or vLLM's own for `None`."""
    kind = AsyncScheduler if policies is None else Scheduler
    scheduler = scheduler_of(SETUP, kind, None if policies is None else {"evenly": dict(policies)}, ahead=True)
    assert isinstance(scheduler, AsyncScheduler)
    return scheduler
