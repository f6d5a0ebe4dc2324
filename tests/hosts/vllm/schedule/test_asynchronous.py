"""Where vLLM plans a pass while the one before it still runs, the adapter does so too and loses nothing."""

import importlib
from collections.abc import Mapping
from typing import Any

import pytest

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def ahead(adapter: Any) -> Any:
    """Return the module that drives asynchronous schedulers."""
    return importlib.import_module("tests.hosts.vllm.schedule.ahead")


def test_without_policies_the_asynchronous_adapter_makes_the_passes_of_vllms_asynchronous_scheduler(ahead: Any) -> None:
    own = ahead.served(ahead.made(None))
    assert own[1] > 0  # preempted
    assert ahead.served(ahead.made({})) == own


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
def test_with_policies_every_request_ends_and_every_block_comes_back(ahead: Any, policies: Mapping[str, Any]) -> None:
    scheduler = ahead.made(policies)
    passes, _ = ahead.served(scheduler)
    given: dict[str, int] = {}
    for one in passes:
        for name, tokens in one.items():
            given[name] = given.get(name, 0) + tokens
    for request in ahead.requests():
        assert given[request.request_id] >= request.num_prompt_tokens // ahead.SETUP.block
    assert not scheduler.requests
    assert not scheduler._table.flows["running"].any()
    assert not scheduler._table.flows["waiting"].any()
    assert scheduler.reset_prefix_cache()
    assert scheduler.kv_cache_manager.block_pool.get_num_free_blocks() == ahead.SETUP.blocks - 1
