"""The flags of a plan are flags of the real vLLM, and mean there what the plan means."""

import importlib

import pytest

from evenly.plan.candidate import evaluate
from evenly.plan.flags import VLLM, vllm_flags
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


def test_the_flags_were_written_for_this_release() -> None:
    assert importlib.import_module("vllm").__version__.startswith(f"{VLLM}.")
