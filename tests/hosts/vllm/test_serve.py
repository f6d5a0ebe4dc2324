"""The adapter in a served vLLM: a policy that fails, a setting that is wrong, and tokens that no policy changes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.core import Trace
from evenly.hosts.replay import replay
from tests.hosts.vllm.server import ENVIRONMENT, FLAGS, START, left, model_folder, needs_vllm, serving

needs_vllm()
pytestmark = pytest.mark.vllm
CLASS = ("--scheduler-cls", "evenly.hosts.vllm.Scheduler", "--additional-config")
END = 60.0  # seconds in which a server whose engine failed must be gone

BROKEN = '''"""Broken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """Fail at the third request."""

    def rank(self, now, sequence, request, requests, flows, memory):
        """Divide by nothing."""
        return 1 / (sequence < 3)
'''

WATCHED = """
from evenly.hosts.vllm import Scheduler


class Watched(Scheduler):
    ended, preempted = [], []

    def _free_request(self, request, *more):
        self.ended.append(request.request_id.split("-")[0])
        return super()._free_request(request, *more)

    def _preempt_request(self, request, *more, **named):
        self.preempted.append(request.request_id)
        super()._preempt_request(request, *more, **named)
"""

GREEDY = """
import json, multiprocessing, sys
import numpy as np
from vllm import LLM, SamplingParams

folder, policies = sys.argv[1], json.loads(sys.argv[2])
chance = np.random.default_rng(3)
prompts = [{"prompt_token_ids": chance.integers(10, 7999, int(chance.integers(20, 200))).tolist()} for _ in range(20)]
asked = [
    SamplingParams(
        max_tokens=int(chance.integers(5, 60)), ignore_eos=True, detokenize=False, temperature=0.0,
        extra_args={"evenly_user": str(k % 3), "evenly_program": str(k % 5), "evenly_turn": k // 5},
    )
    for k in range(20)
]

def served(chosen):
    engine = LLM(
        model=folder, load_format="dummy", skip_tokenizer_init=True, enforce_eager=True, max_model_len=512,
        dtype="float32", block_size=32, max_num_seqs=8, max_num_batched_tokens=128, num_gpu_blocks_override=17,
        scheduler_cls="watched.Watched", additional_config={"evenly": chosen},
    )
    answers = engine.generate(prompts, asked, use_tqdm=False)
    tokens = [list(answer.outputs[0].token_ids) for answer in answers]
    seen = engine.llm_engine.engine_core.engine_core.scheduler
    return {"tokens": tokens, "order": seen.ended, "preemptions": len(seen.preempted)}

# One process an engine, forked when vLLM is imported, which takes longer than all else.
with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
    found = pool.map(served, policies.values(), chunksize=1)
print("FOUND" + json.dumps(dict(zip(policies, found))))
"""
POLICIES: dict[str, dict[str, Any]] = {
    "first come": {},
    "shortest remaining": {"order": "shortest-remaining", "evict": "least-recompute"},
    "fair": {"order": "virtual-token-counter"},
    "programs": {"order": "program-first-come", "retain": {"use": "fixed-ttl", "ttl": 0.5}},
}


def test_a_policy_that_raises_ends_the_server_with_a_clear_error_and_leaves_no_process(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "broken.py").write_text(BROKEN)
    asked = json.dumps({"evenly": {"order": "broken.py"}})
    trace = Trace(arrival=np.linspace(0.0, 3.5, 8), prompt=np.full(8, 20), output=np.full(8, 4))
    with serving(folder, (*CLASS, asked)) as server:
        found = replay(trace, server.url, vocabulary=8000, hints=True)
        server.process.wait(END)  # by itself; vLLM's own exit code is 0 then
        assert not left(server.process)
    answered = int((~np.isnan(found.finish)).sum())
    assert 1 <= answered < len(trace), "what was answered before is kept, the rest is marked"
    assert sum(map(bool, found.error)) == len(trace) - answered
    log = server.log.read_text(errors="replace")
    assert "the policy Broken.rank raised ZeroDivisionError: division by zero" in log
    assert "broken.py, line 12" in log


def test_a_wrong_setting_is_told_and_the_server_does_not_start(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    asked = json.dumps({"evenly": {"order": "shortest-promt"}})
    command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(folder), *FLAGS, *CLASS, asked]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=START, env=os.environ | ENVIRONMENT
    )
    assert done.returncode != 0
    assert "no 'shortest-promt' among orders; did you mean 'shortest-prompt'?" in done.stdout + done.stderr


def test_greedy_tokens_of_each_request_are_the_same_under_every_policy(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "watched.py").write_text(WATCHED)
    found = served(folder)
    assert list(found) == list(POLICIES)
    first = found["first come"]
    assert first["preemptions"] > 0, "memory is short"
    assert all(other["tokens"] == first["tokens"] for other in found.values())
    assert len({tuple(one["order"]) for one in found.values()}) == len(found), "each policy serves in another order"


def served(folder: Path) -> Any:
    """Serve the prompts of `GREEDY` under every policy and return what each engine tells, by policy."""
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": str(folder)}
    environment |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", GREEDY, str(folder), json.dumps(POLICIES)],
        capture_output=True,
        text=True,
        timeout=len(POLICIES) * START,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.partition("FOUND")[2])
