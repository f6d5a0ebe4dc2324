"""Launch commands: devices add up, and plans that an engine cannot run get none."""

import json
import shlex
from dataclasses import replace

import pytest

from evenly.plan.candidate import evaluate
from evenly.plan.flags import dynamo, sglang, vllm, vllm_flags
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario
from evenly.serve.orders.shortest_prompt import ShortestPrompt
from evenly.serve.routers.least_requests import LeastRequests
from tests.plan.samples import requests, scenario

DENSE = [Layout(tensor=8), Layout(replicas=2, tensor=4), Layout(stages=2, tensor=4)]
MIXED = Layout(tensor=8, attention=4, experts="expert")


def base(layout: Layout) -> PlanScenario:
    name = "mixtral-8x7b" if layout.experts == "expert" else "llama-3-70b"
    return scenario(layout, model=name)


@pytest.mark.parametrize("layout", [*DENSE, MIXED])
def test_the_devices_of_all_servers_are_those_of_the_layout(layout: Layout) -> None:
    plan = base(layout)
    launch = vllm(evaluate(plan, requests(10)))
    devices = 0
    for line in launch.lines:
        words = shlex.split(line)
        sizes = dict.fromkeys(("--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size"), 1)
        sizes |= {word: int(words[k + 1]) for k, word in enumerate(words) if word in sizes}
        count = 1
        for size in sizes.values():
            count *= size
        devices += count
    assert devices == layout.devices
    assert len(launch.lines) == layout.replicas


def test_experts_and_ranks_have_their_flags() -> None:
    plan = base(MIXED)
    made = evaluate(plan, requests(10))
    assert "--enable-expert-parallel" in vllm(made).lines[0]
    assert "--dp-size 4 --enable-dp-attention --ep-size 8" in sglang(made).lines[0]
    assert len(dynamo(made).lines) == 2


@pytest.mark.parametrize("layout", [Layout(tensor=8, attention=2), Layout(tensor=8, network=2)])
def test_what_no_engine_can_cut_gets_a_reason_and_no_command(layout: Layout) -> None:
    plan = base(layout)
    made = evaluate(plan, requests(10))
    for launch in (vllm(made), sglang(made), dynamo(made)):
        assert launch.lines == ()
        assert launch.note


def test_policies_that_an_engine_has_not_are_told_or_brought_along() -> None:
    plan = replace(base(DENSE[1]), order=ShortestPrompt(), route=LeastRequests())
    made = evaluate(plan, requests(10))
    launch = vllm(made)
    settings = json.loads(shlex.split(launch.lines[0])[shlex.split(launch.lines[0]).index("--additional-config") + 1])
    assert settings["evenly"]["order"]["use"] == "shortest-prompt"
    assert "by least-requests" in launch.note
    assert sglang(made).lines == ()
    assert dynamo(made).lines == ()


# Flags that the documentation of the named releases lists: SGLang's server arguments and its page on PD disaggregation,
# Dynamo's frontend reference and vLLM configuration, beside those of vLLM itself, which the real one parses.
SGLANG_FLAGS = {
    *("--model-path", "--port", "--tp-size", "--pp-size", "--dp-size", "--enable-dp-attention", "--ep-size"),
    *("--max-running-requests", "--chunked-prefill-size", "--mem-fraction-static", "--context-length"),
    *("--disaggregation-mode", "--disaggregation-transfer-backend", "--disaggregation-bootstrap-port"),
}
DYNAMO_FLAGS = {"--router-mode", "--http-port", "--model", "--disaggregation-mode"}


@pytest.mark.parametrize("layout", [*DENSE, MIXED])
@pytest.mark.parametrize("prompts", [None, Layout(replicas=2, tensor=2)])
def test_every_flag_is_a_documented_one(layout: Layout, prompts: Layout | None) -> None:
    made = evaluate(replace(base(layout), prompts=prompts), requests(10))
    for line in sglang(made).lines:
        assert {word for word in shlex.split(line) if word.startswith("--")} <= SGLANG_FLAGS
    own = {word for part in made.parts for word in vllm_flags(made, part) if word.startswith("--")}
    for line in dynamo(made).lines:
        assert {word for word in shlex.split(line) if word.startswith("--")} <= DYNAMO_FLAGS | own


def test_a_prompts_worker_of_dynamo_has_the_connector_that_it_needs() -> None:
    made = evaluate(replace(base(DENSE[0]), prompts=Layout(tensor=8)), requests(10))
    prompts, decodes = dynamo(made).lines[1:]
    assert "--disaggregation-mode prefill" in prompts
    assert "--disaggregation-mode decode" in decodes
    assert "--kv-transfer-config" in prompts
    assert "--kv-transfer-config" in decodes
