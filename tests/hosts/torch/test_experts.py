"""The router, the balancer and the hooks for routers of others."""

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from torch.utils.checkpoint import checkpoint  # noqa: E402

from evenly.hosts.torch.experts import BiasBalancer, Router, adopt  # noqa: E402
from evenly.hosts.torch.experts.gpt import Gpt, Size  # noqa: E402
from evenly.hosts.torch.experts.router import auxiliary, extra_loss  # noqa: E402
from evenly.hosts.torch.experts.train import Arm, Training, trained  # noqa: E402
from evenly.train.experts.balancers import Seen  # noqa: E402
from evenly.train.experts.balancers.annealed import Annealed  # noqa: E402
from evenly.train.experts.balancers.proportional import Proportional  # noqa: E402
from evenly.train.experts.balancers.quantile import Quantile  # noqa: E402
from evenly.train.experts.balancers.sign import Sign  # noqa: E402
from evenly.train.experts.routing import routed  # noqa: E402

TINY = Size(vocabulary=64, layers=2, width=16, heads=2, experts=8, active=2, inner=8, length=16)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def router() -> Any:
    return Router(16, 8, 2)


def text(seed: int = 0, batch: int = 4) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 64, (batch, 17)))


def test_three_lines_balance_a_model() -> None:
    model = Gpt(TINY)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    balancer = BiasBalancer(model).follow(optimizer)
    before = []
    for _ in range(200):
        optimizer.zero_grad()
        model(text()).backward()
        optimizer.step()
        before.append(balancer.violations[0])
    assert before[-1] < 0.5 * before[0]


def test_the_router_chooses_as_the_simulator_does(router: Any) -> None:
    hidden = torch.randn(50, 16)
    router.price.copy_(torch.linspace(-0.2, 0.2, 8))
    router(hidden)
    scores = router.scores(hidden).detach().double().numpy()
    counts, _ = routed(scores, router.price.double().numpy(), 2)
    assert router.counts.tolist() == counts.tolist()


def test_prices_choose_and_do_nothing_else(router: Any) -> None:
    hidden = torch.randn(20, 16, requires_grad=True)
    weights, experts = router(hidden)
    scores = router.scores(hidden)
    expected = scores.gather(1, experts)
    assert torch.allclose(weights, expected / expected.sum(1, keepdim=True))
    router.price += 3.0
    again, same = router(hidden)
    assert (same == experts).all(), "a common offset changes no choice"
    assert torch.equal(again, weights), "weights hang on scores alone"
    again.sum().backward()
    assert router.weight.grad is not None
    assert not router.price.requires_grad
    assert "price" in router.state_dict()
    assert "counts" not in router.state_dict()
    router.price.copy_(torch.tensor([9.0, 9.0] + [0.0] * 6))
    assert set(router(hidden)[1].flatten().tolist()) == {0, 1}


def test_no_cast_touches_counts_or_prices(router: Any) -> None:
    router.counts += 40_001
    router.price += 0.5 + 1e-3
    for cast in (router.bfloat16, router.half, lambda: router.to(torch.bfloat16)):
        cast()
        assert router.counts.dtype == torch.int64
        assert router.counts.tolist() == [40_001] * 8
        assert router.price.dtype == torch.float32
        assert float(router.price[0]) == pytest.approx(0.501, abs=1e-7)
    assert router.weight.dtype == torch.bfloat16
    assert router(torch.randn(4, 16).bfloat16())[0].dtype == torch.bfloat16


def test_evaluation_counts_nothing(router: Any) -> None:
    router.eval()
    router(torch.randn(9, 16))
    assert router.counts.sum() == 0


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_repeated_forward_counts_nothing(router: Any, reentrant: bool) -> None:
    hidden = torch.randn(9, 16, requires_grad=True)
    weights = checkpoint(lambda x: router(x)[0], hidden, use_reentrant=reentrant)
    assert router.counts.sum() == 18
    weights.sum().backward()
    assert router.counts.sum() == 18
    router(hidden)
    assert router.counts.sum() == 36


@pytest.mark.parametrize("rule", [Sign(), Proportional(), Annealed()])
def test_micro_batches_move_prices_as_one_batch_does(rule: Any) -> None:
    whole = Gpt(TINY)
    parts = copy.deepcopy(whole)
    batch = text(1, 8)
    whole(batch)
    for part in batch.split(2):
        parts(part)
    for model in (whole, parts):
        BiasBalancer(model, rule).step()
    for one, two in zip(routers(whole), routers(parts), strict=True):
        assert torch.equal(one.price, two.price)
        assert one.price.abs().sum() > 0
        assert one.counts.sum() == two.counts.sum() == 0


def routers(model: Any) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, Router)]


def test_the_balancer_decides_as_the_rule_does(router: Any) -> None:
    router(torch.randn(64, 16))
    counts = router.counts.numpy().copy()
    balancer = BiasBalancer(router, Proportional(0.1), centred=False)
    balancer.step()
    expected = Proportional(0.1).update(np.zeros(8), Seen(counts, 1))
    assert router.price.numpy() == pytest.approx(expected, abs=1e-7)
    assert balancer.loads[0].tolist() == counts.tolist()
    balancer.step()
    assert router.price.numpy() == pytest.approx(expected, abs=1e-7), "a step without tokens moves nothing"
    router(torch.randn(64, 16))
    with pytest.raises(ValueError, match="quantile looks at the scores"):
        BiasBalancer(router, Quantile()).step()


def test_devices_are_evened_out_where_they_are_asked_for(router: Any) -> None:
    router(torch.randn(64, 16))
    BiasBalancer(router, Proportional(0.1), devices=4).step()
    pairs = router.price.view(4, 2)
    assert torch.equal(pairs[:, 0], pairs[:, 1])


def test_a_resumed_training_goes_on_bit_for_bit() -> None:
    def run(model: Any, optimizer: Any, balancer: Any, steps: range) -> None:
        for step in steps:
            optimizer.zero_grad()
            model(text(step)).backward()
            optimizer.step()

    def made() -> tuple[Any, Any, Any]:
        torch.manual_seed(1)
        model = Gpt(TINY)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        return model, optimizer, BiasBalancer(model, Annealed(0.3)).follow(optimizer)

    straight = made()
    run(*straight, range(8))
    first = made()
    run(*first, range(4))
    saved = [copy.deepcopy(part.state_dict()) for part in first]
    second = made()
    for part, state in zip(second, saved, strict=True):
        part.load_state_dict(state)
    run(*second, range(4, 8))
    for name, value in straight[0].state_dict().items():
        assert torch.equal(value, second[0].state_dict()[name]), name


def test_the_auxiliary_loss_is_one_where_loads_are_even() -> None:
    scores = torch.full((8, 4), 0.5)
    experts = torch.arange(8).view(8, 1) % 4
    assert float(auxiliary(scores, experts, 1)) == pytest.approx(1.0)
    skewed = torch.tensor([[0.9, 0.1, 0.1, 0.1]] * 8)
    assert float(auxiliary(skewed, torch.zeros(8, 1, dtype=torch.int64), 2)) == pytest.approx(4 * 0.9 / 1.2)


def test_a_sequence_loss_reaches_the_router_and_nothing_is_left_of_it_in_evaluation() -> None:
    model = Gpt(TINY, sequence_loss=1.0)
    model(text())
    loss = extra_loss(model)
    assert isinstance(loss, torch.Tensor)
    assert loss.item() >= 0.9
    loss.backward()
    assert all(router.weight.grad.abs().sum() > 0 for router in routers(model))
    model.eval()
    model(text())
    assert extra_loss(model) == 0


def test_groups_limit_where_a_token_goes() -> None:
    router = Router(16, 8, 2, groups=4, top_groups=1)
    _, experts = router(torch.randn(40, 16))
    assert ((experts // 2)[:, 0] == (experts // 2)[:, 1]).all()
    with pytest.raises(ValueError, match="fewer experts than the 3"):
        Router(16, 8, 3, groups=4, top_groups=1)
    with pytest.raises(ValueError, match="active is 1 to 7"):
        Router(16, 8, 8)


def test_no_router_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Linear has no router that counts.*adopt"):
        BiasBalancer(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="Linear has no router that is known"):
        adopt(torch.nn.Linear(2, 2))


def test_equal_seeds_train_equal_models_and_prices_even_them_out() -> None:
    training = Training(TINY, steps=150, batch=4, validation=4)
    alone = trained(Arm(), training, 0)
    balanced = trained(Arm(Sign(1e-2)), training, 0)
    assert alone.perplexity < 60
    assert alone.violation == trained(Arm(), training, 0).violation
    assert balanced.violation < 0.5 * alone.violation
