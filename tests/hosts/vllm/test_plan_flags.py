"""The flags of a plan are flags of the real vLLM, and mean there what the plan means."""

import importlib
from dataclasses import replace

import pytest

from evenly.plan.candidate import evaluate
from evenly.plan.flags import VLLM, vllm_flags, vllm_settings
from evenly.plan.layout import Layout
from tests.hosts.vllm.server import needs_vllm
from tests.plan.samples import requests, scenario

needs_vllm()
pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of torch, as it is imported


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        (Layout(replicas=2, tensor=4), "llama-3-70b"),
        (Layout(stages=2, tensor=4), "llama-3-70b"),
        (Layout(tensor=8, attention=4, experts="expert"), "mixtral-8x7b"),
    ],
)
def test_vllm_parses_the_flags(layout: Layout, name: str) -> None:
    arguments = importlib.import_module("vllm.engine.arg_utils").AsyncEngineArgs
    parser = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser
    plan = scenario(layout, model=name)
    made = evaluate(plan, requests(10))
    read = arguments.add_cli_args(parser()).parse_args(vllm_flags(made, made.parts[0]))
    assert read.tensor_parallel_size == layout.tensor // layout.attention
    assert read.pipeline_parallel_size == layout.stages
    assert read.data_parallel_size == layout.attention
    assert bool(read.enable_expert_parallel) == (layout.experts == "expert")
    assert read.max_num_seqs == made.seats
    assert read.max_num_batched_tokens == made.budget
    assert read.gpu_memory_utilization == plan.utilisation
    assert read.max_model_len == made.longest


def test_vllm_parses_the_flags_of_either_side_of_a_plan_apart() -> None:
    arguments = importlib.import_module("vllm.engine.arg_utils").AsyncEngineArgs
    parser = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser
    plan = replace(scenario(Layout(tensor=4), model="llama-3-70b"), prompts=Layout(replicas=2, tensor=2))
    made = evaluate(plan, requests(10))
    for part, width, gives, takes in zip(made.parts, (2, 4), (True, False), (False, True), strict=True):
        read = arguments.add_cli_args(parser()).parse_args(vllm_flags(made, part))
        given = read.kv_transfer_config
        config = importlib.import_module("vllm.config").KVTransferConfig(**given) if isinstance(given, dict) else given
        assert read.tensor_parallel_size == width
        assert config.kv_connector == "NixlConnector"
        assert (config.is_kv_producer, config.is_kv_consumer) == (gives, takes)
        factory = importlib.import_module("vllm.distributed.kv_transfer.kv_connector.factory").KVConnectorFactory
        assert config.kv_connector in factory._registry
        envs = importlib.import_module("vllm.envs").environment_variables
        assert set(vllm_settings(part, 0)) <= set(envs)


def test_vllm_lays_layers_as_the_plan_says_and_else_as_we_think(monkeypatch: pytest.MonkeyPatch) -> None:
    indices = importlib.import_module("vllm.distributed.utils").get_pp_indices

    def depths(layers: int, stages: int) -> tuple[int, ...]:
        ranges = [indices(layers, rank, stages) for rank in range(stages)]
        return tuple(end - start for start, end in ranges)

    for layers, stages in ((30, 4), (32, 3), (31, 2), (80, 8), (61, 16)):
        assert depths(layers, stages) == Layout(stages=stages).depths(layers)
    layout = Layout(stages=4, layers=(8, 9, 9, 6))
    made = evaluate(scenario(layout, model="llama-3-8b"), requests(10))
    for name, value in vllm_settings(made.parts[0], 0).items():
        monkeypatch.setenv(name, value)
    assert depths(32, 4) == layout.layers


def test_the_flags_were_written_for_this_release() -> None:
    assert importlib.import_module("vllm").__version__.startswith(f"{VLLM}.")
