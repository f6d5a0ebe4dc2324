"""Routers of others: Hugging Face's as they are, torchtitan's and Megatron's by their form."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from evenly.hosts.torch.experts import BiasBalancer, adopt  # noqa: E402
from evenly.hosts.torch.experts.adopting import adopted  # noqa: E402
from evenly.train.experts.balancers.sign import Sign  # noqa: E402

Module: Any = torch.nn.Module
SIZES = {
    "vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "moe_intermediate_size": 8, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 2, "num_experts_per_tok": 2, "max_position_embeddings": 64,
}  # fmt: skip
FORMS = {
    "olmoe": ("OlmoeConfig", "OlmoeForCausalLM", {"num_experts": 8}),
    "qwen3_moe": ("Qwen3MoeConfig", "Qwen3MoeForCausalLM", {"num_experts": 8, "norm_topk_prob": True, "head_dim": 8}),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", {"num_local_experts": 8}),
    "glm4_moe": (
        "Glm4MoeConfig",
        "Glm4MoeForCausalLM",
        {"n_routed_experts": 8, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "head_dim": 8},
    ),
    "deepseek_v3": (
        "DeepseekV3Config",
        "DeepseekV3ForCausalLM",
        {
            "n_routed_experts": 8, "n_group": 2, "topk_group": 1, "first_k_dense_replace": 1, "kv_lora_rank": 8,
            "q_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8,
        },
    ),
}  # fmt: skip


def model(name: str) -> Any:
    transformers = pytest.importorskip("transformers", reason="transformers is in the environment of `make vllm`")
    config, kind, more = FORMS[name]
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return getattr(transformers, kind)(getattr(transformers, config)(**SIZES, **more))


def ids() -> Any:
    return torch.arange(48).view(2, 24) % 64


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMS)
def test_a_model_of_hugging_face_is_balanced_and_otherwise_the_same(name: str) -> None:
    made = model(name)
    before = made(ids()).logits
    adopt(made)
    assert torch.allclose(made(ids()).logits, before, atol=1e-5), "prices of 0 change nothing"
    found = adopted(made)
    layers = 2 if name in ("olmoe", "qwen3_moe", "mixtral") else 1
    assert [int(router.counts.sum()) for router in found] == [48 * 2] * layers
    for router in found:
        router.counts.zero_()
    optimizer = torch.optim.SGD(made.parameters(), lr=1e-3)
    balancer = BiasBalancer(made, Sign(1e-3)).follow(optimizer)
    first: list[float] = []
    for _ in range(60):
        made(ids(), labels=ids()).loss.backward()
        optimizer.step()
        first = first or balancer.violations
    assert sum(balancer.violations) < sum(first)
    made.eval()
    made(ids())
    assert all(int(router.counts.sum()) == 0 for router in found)
    names = made.state_dict()
    assert sum("price" in key or "correction_bias" in key for key in names) == layers
    made.bfloat16()
    made.train()
    made(ids(), labels=ids()).loss.backward()
    optimizer.step()
    assert all(router.price.dtype == torch.float32 for router in found)


class Titan(Module):
    """A block as torchtitan writes it: prices and float counts in the block, a router that takes prices."""

    class Router(Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = torch.nn.Linear(16, 8, bias=False)

        def forward(self, x: Any, bias: Any) -> Any:
            scores = self.gate(x).sigmoid()
            chosen = (scores + bias).topk(2, dim=1).indices
            return scores.gather(1, chosen), chosen, torch.bincount(chosen.flatten(), minlength=8).float()

    def __init__(self) -> None:
        super().__init__()
        self.router = Titan.Router()
        self.register_buffer("expert_bias", torch.zeros(8))
        self.register_buffer("tokens_per_expert", torch.zeros(8), persistent=False)

    def forward(self, x: Any) -> Any:
        weights, _, counts = self.router(x, self.expert_bias)
        self.tokens_per_expert += counts
        return weights


class Megatron(Module):
    """A router as Megatron writes it: prices inside, probabilities and a map of flags out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(8, 16) / 4)
        self.register_buffer("expert_bias", torch.zeros(8))
        self.register_buffer("local_tokens_per_expert", torch.zeros(8), persistent=False)

    def forward(self, x: Any) -> Any:
        scores = (x @ self.weight.T).sigmoid()
        flags = torch.zeros_like(scores, dtype=torch.bool)
        flags.scatter_(1, (scores + self.expert_bias).topk(2, dim=1).indices, True)
        return scores * flags, flags


class Silent(Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("expert_bias", torch.zeros(8))

    def forward(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize("kind", [Titan, Megatron])
def test_blocks_with_prices_of_their_own_are_counted_and_balanced(kind: Any) -> None:
    torch.manual_seed(0)
    block = adopt(kind())
    hidden = torch.randn(64, 16) + 0.5
    balancer = BiasBalancer(block, Sign(0.01))
    found = []
    for _ in range(80):
        block(hidden)
        balancer.step()
        found.append(balancer.violations[0])
    assert int(balancer.loads[0].sum()) == 128
    assert found[-1] < 0.5 * found[0]
    assert "counts" not in block.state_dict()


def test_a_router_that_does_not_say_whom_it_chose_is_named() -> None:
    with pytest.raises(ValueError, match=r"Silent returns neither experts \[T, K\] nor flags"):
        adopt(Silent())(torch.zeros(3, 16))


class OddTopKRouter(Module):
    num_experts = 8

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(8, 16))

    def forward(self, x: Any) -> Any:
        logits = x @ self.weight.T
        best = logits.topk(2, dim=1)
        return logits, best.values.sigmoid(), best.indices


def test_a_router_that_weighs_by_another_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="OddTopKRouter does not weigh experts by their softmax"):
        adopt(OddTopKRouter())(torch.randn(3, 16))
