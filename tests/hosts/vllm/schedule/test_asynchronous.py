"""Where vLLM plans a pass while the one before it still runs, the adapter does so too and loses nothing."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.hosts.vllm.server import needs_vllm

needs_vllm()

from vllm.sampling_params import SamplingParams  # noqa: E402
from vllm.utils.hashing import sha256  # noqa: E402
from vllm.v1.core.kv_cache_utils import get_request_block_hasher  # noqa: E402
from vllm.v1.core.sched.async_scheduler import AsyncScheduler  # noqa: E402
from vllm.v1.outputs import ModelRunnerOutput  # noqa: E402
from vllm.v1.request import Request  # noqa: E402

from evenly.hosts.vllm import Scheduler  # noqa: E402
from tests.hosts.vllm.schedule.scheduler import scheduler_of  # noqa: E402
from tests.serve.twin.jobs import Setup  # noqa: E402

pytestmark = pytest.mark.vllm
SETUP = Setup(engine="vllm-v1", blocks=400, seats=16, budget=512, longest=1024, cache=True, whole=True)
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
    while scheduler.has_unfinished_requests() or flying:
        assert len(passes) < 10_000, "the engine stands still"
        output = scheduler.schedule()
        preempted += len(output.preempted_req_ids or ())
        passes.append(dict(output.num_scheduled_tokens))
        flying.append(output)
        if len(flying) == FLIGHTS or not output.total_num_scheduled_tokens:
            land(scheduler, flying.popleft())
    return passes, preempted


def land(scheduler: Any, output: Any) -> None:
    """Give vLLM a token for each request of a pass whose known tokens are all computed."""
    names = list(output.num_scheduled_tokens)
    known = [scheduler.requests.get(name) for name in names]
    sampled = [[7] if request is not None and not request.is_prefill_chunk else [] for request in known]
    places = {name: place for place, name in enumerate(names)}
    scheduler.update_from_output(output, ModelRunnerOutput(names, places, sampled))


def test_without_policies_the_asynchronous_adapter_makes_the_passes_of_vllms_asynchronous_scheduler() -> None:
    own = served(scheduler_of(SETUP, AsyncScheduler, ahead=True))
    adapter = scheduler_of(SETUP, Scheduler, {"evenly": {}}, ahead=True)
    assert isinstance(adapter, AsyncScheduler)
    assert served(adapter) == own


@pytest.mark.parametrize(
    "policies",
    [
        {"order": "virtual-token-counter", "evict": "least-recompute"},
        {"order": "deficit-round-robin", "budget": "split-fuse"},
        {"order": "program-first-come", "retain": {"use": "fixed-ttl", "ttl": 1.0}},
        {"order": "shortest-remaining", "evict": "least-urgent", "admit": "whole-prompt"},
    ],
    ids=lambda policies: policies["order"],
)
def test_with_policies_every_request_ends_and_every_block_comes_back(policies: Mapping[str, Any]) -> None:
    scheduler = scheduler_of(SETUP, Scheduler, {"evenly": dict(policies)}, ahead=True)
    passes, _ = served(scheduler)
    given: dict[str, int] = {}
    for one in passes:
        for name, tokens in one.items():
            given[name] = given.get(name, 0) + tokens
    for request in requests():
        assert given[request.request_id] >= request.num_prompt_tokens // SETUP.block
    assert not scheduler.requests
    assert not scheduler._table.flows["running"].any()
    assert not scheduler._table.flows["waiting"].any()
    assert scheduler.reset_prefix_cache()
    assert scheduler.kv_cache_manager.block_pool.get_num_free_blocks() == SETUP.blocks - 1
