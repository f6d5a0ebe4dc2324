"""A policy decides the same in the simulator and in vLLM's scheduler, pass by pass, from the one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.hosts.vllm.policy import PolicyError
from tests.serve.twin.jobs import Job, Setup

pytestmark = pytest.mark.vllm
SEEDS = 10
SHORT_TTL = {"use": "fixed-ttl", "ttl": 0.3}  # seconds: less than the longest pause of the workloads
REBUILD = [1e-7, 0.01, 0.0]  # so long that keeping pays for a while, of the pauses of 0 to 0.6 s
LEARNED = {"use": "learned-ttl", "rebuild": REBUILD, "samples": 5, "hold_price": "memory-share"}
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "first come": {},
    "priority": {"order": "priority", "evict": "least-urgent"},
    "shortest prompt": {"order": "shortest-prompt"},
    "shortest remaining": {"order": {"use": "shortest-remaining", "error": 0.0}},
    "program first come": {"order": "program-first-come"},
    "least attained service": {"order": "least-attained-service"},
    "virtual token counter": {"order": "virtual-token-counter"},
    "deficit round robin": {"order": {"use": "deficit-round-robin", "quantum": 100}},
    "slo slack": {"order": "slo-slack"},
    "least recompute": {"evict": "least-recompute"},
    "whole prompt": {"admit": {"use": "whole-prompt", "headroom": 0.4}},
    "fixed budget": {"budget": {"use": "fixed", "size": 16}},
    "split-fuse": {"budget": {"use": "split-fuse", "size": 16}},
    "tbt target": {"budget": {"use": "tbt-target", "target": 0.006}},
    "fixed ttl": {"retain": SHORT_TTL},
    "forever": {"retain": "forever"},
    "quick tools": {"retain": {"use": "quick-tools", "ttl": 0.7, "limit": 0.3}},
    "least waste": {"retain": {"use": "least-waste", "rebuild": REBUILD}},
    "learned ttl": {"retain": LEARNED},
    "kept first": {"order": "kept-first", "evict": "latest-program", "retain": LEARNED},
    "all at once": {
        "order": "least-attained-service",
        "evict": "least-recompute",
        "admit": "whole-prompt",
        "budget": {"use": "split-fuse", "size": 16},
        "retain": SHORT_TTL,
    },
}


@pytest.mark.parametrize("name", POLICIES)
def test_simulator_and_vllm_make_the_same_schedule_under_a_policy(adapter: Any, name: str) -> None:
    for seed in range(SEEDS):
        difference = adapter.disagreement(seed, POLICIES[name])
        assert not difference, f"{name}: {difference}"


def test_a_policy_of_the_users_own_in_plain_python_decides_the_same_in_both(adapter: Any, tmp_path: Path) -> None:
    file = tmp_path / "longest_first.py"
    file.write_text(
        '''"""Longest first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LongestFirst:
    """Serve long prompts first."""

    def rank(self, now, sequence, request, requests, flows, memory):
        """Return the prompt, negative."""
        return -float(requests["prompt"][request])
'''
    )
    for seed in range(SEEDS // 2):
        assert not adapter.disagreement(seed, {"order": str(file)})


def test_the_workloads_press_and_each_policy_changes_the_schedule(adapter: Any) -> None:
    plain = _finishes(adapter, {})
    same = [name for name, chosen in POLICIES.items() if chosen and _finishes(adapter, chosen) == plain]
    assert same == []


def test_a_policy_that_raises_stops_the_engine_and_names_itself_file_and_line(adapter: Any, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(
        '''"""Broken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """Divide by nothing."""

    def rank(self, now, sequence, request, requests, flows, memory):
        """Raise."""
        return 1 / 0
'''
    )
    with pytest.raises(PolicyError, match=r"Broken\.rank raised ZeroDivisionError.*broken\.py, line 12"):
        adapter.served(*adapter.workload(0), {"order": str(file)})


def test_a_budget_of_nothing_is_told(adapter: Any, tmp_path: Path) -> None:
    file = tmp_path / "nothing.py"
    file.write_text(
        '''"""Nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nothing:
    """Compute nothing."""

    def tokens(self, now, decodes, resident, memory):
        """Return 0."""
        return 0
'''
    )
    with pytest.raises(PolicyError, match="a pass of 0 tokens; it must give at least 1"):
        adapter.served(*adapter.workload(0), {"budget": str(file)})


def test_nothing_of_a_request_stays_behind_when_all_have_left(adapter: Any) -> None:
    for name in ("virtual token counter", "fixed ttl", "all at once"):
        engine, _, _ = adapter.served(*adapter.workload(3), POLICIES[name])
        scheduler = engine.scheduler
        assert len(scheduler.waiting) == 0
        assert not scheduler.requests
        flows = scheduler._table.flows
        assert not flows["waiting"].any(), name
        assert not flows["running"].any(), name
        kept = scheduler._keeper
        assert kept is None or len(kept) == 0
        assert len(scheduler._table._spare) == len(scheduler._table.requests), name


def test_aborted_requests_leave_the_queue_and_the_others_keep_their_order(adapter: Any) -> None:
    count, gone = 300, range(0, 300, 3)  # more than the queue has room for at first
    chance = np.random.default_rng(0)
    lengths = chance.permutation(count) + 1
    setup = Setup(engine="vllm-v1", release="0.32", block=16, blocks=400, longest=320, seats=4, budget=64)
    jobs = [Job(index=i, arrival=0.0, prompt=int(lengths[i]), output=2) for i in range(count)]
    queue = adapter.waiting(setup, {"order": "shortest-prompt"}, jobs)
    assert [int(request.request_id) for request in queue] == np.argsort(lengths).tolist()
    queue.remove_requests([request for request in queue if int(request.request_id) in gone])
    left = [i for i in np.argsort(lengths).tolist() if i not in gone]
    assert [int(request.request_id) for request in queue] == left
    assert [int(queue.pop_request().request_id) for _ in left] == left
    assert not queue


def _finishes(adapter: Any, chosen: Mapping[str, Any]) -> list[float]:
    ends: list[float] = []
    for seed in range(4):
        _, jobs, _ = adapter.served(*adapter.workload(seed), chosen)
        ends += [job.finish or np.nan for job in jobs]
    return ends
