"""Every engine, on a decoder that really computes, gives the tokens that each request gets alone."""

from typing import Any

import numpy as np
import pytest

from evenly.core import Trace
from evenly.core.trace import Prefixes
from evenly.hosts.decoder import Cache, Decoder, Network, Shape, forward
from evenly.serve.engines import engines
from tests.kernel.workload import serve

SHAPE = Shape(layers=2, width=32, heads=2, vocabulary=300, context=512)


def workload(seed: int) -> tuple[Trace, dict[int, Any]]:
    """Return requests in four families that share leading blocks of 8 tokens, and their prompt tokens."""
    chance = np.random.default_rng(seed)
    families = [chance.integers(0, 300, 48) for _ in range(4)]
    prompts, ids, offsets = {}, [], [0]
    for i in range(24):
        family, shared = int(chance.integers(4)), int(chance.integers(0, 7))
        own = chance.integers(0, 300, int(chance.integers(1, 40)))
        prompts[i] = np.concatenate([families[family][: 8 * shared], own])
        blocks = -(-len(prompts[i]) // 8)
        ids += [family * 100 + k if k < shared else 1000 + 100 * i + k for k in range(blocks)]
        offsets.append(len(ids))
    trace = Trace(
        arrival=np.cumsum(chance.exponential(0.002, 24)),
        prompt=np.array([len(prompts[i]) for i in range(24)]),
        output=chance.integers(1, 60, 24),
        prefixes=Prefixes(np.array(offsets), np.array(ids), 8),
    )
    return trace, prompts


WHOLE = ("orca", "vllm-v0", "vllm-swap", "fastswitch")  # they never cut a prompt


@pytest.mark.parametrize("engine", list(engines))
@pytest.mark.parametrize("block", [1, 4, 16])
def test_outputs_do_not_depend_on_engine_memory_or_batch(engine: str, block: int) -> None:
    trace, prompts = workload(block)
    decoder = Decoder(SHAPE, prompts)
    budget = {"budget": 48} if engine not in WHOLE else {}
    run = serve(trace, engine, blocks=150 // block + 2, longest=150, block=block, cost=decoder, **budget)
    assert np.isfinite(run.requests["finish"]).all()
    for i in range(len(trace)):
        assert decoder.outputs[i] == decoder.alone(i, int(trace.output[i])), f"request {i}"
    if engine not in ("orca", "fastgen"):
        assert run.requests["preemptions"].sum() > 0, "memory was meant to be tight"
    if engine == "vllm-v1" and block < 16:
        assert run.requests["cached"].sum() > 0, "prefixes were meant to be shared"


@pytest.mark.parametrize("budget", [8, 32, 64, 1 << 30])
def test_outputs_do_not_depend_on_the_token_budget(budget: int) -> None:
    trace, prompts = workload(7)
    decoder = Decoder(SHAPE, prompts)
    serve(trace, "fastgen", blocks=100, longest=150, budget=budget, cost=decoder)
    for i in range(len(trace)):
        assert decoder.outputs[i] == decoder.alone(i, int(trace.output[i]))


def test_tokens_show_a_lost_block_of_the_cache() -> None:
    changed = 0
    for seed in range(20):
        network, prompt = Network(SHAPE, seed), np.random.default_rng(seed).integers(0, SHAPE.vocabulary, 40)
        told = []
        for lost in (False, True):
            cache, tokens = Cache(SHAPE), prompt
            said = []
            for step in range(20):
                tokens = forward(network, [(cache, tokens)])
                said.append(int(tokens[0]))
                if lost and step == 0:
                    cache.values[:, :, 16:32] = 0
            told.append(said)
        changed += told[0] != told[1]
    assert changed == 20


def test_a_decoder_is_one_replica() -> None:
    trace, prompts = workload(0)
    with pytest.raises(ValueError, match="one replica, not 2"):
        serve(trace, replicas=2, cost=Decoder(SHAPE, prompts))
