"""Sharded layers equal whole ones, alone and in pipelines, whatever the shards."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

import torch.nn.functional as F  # noqa: E402, N812 as everybody calls it

from evenly.hosts.torch.pipelines.sharded import Sharded  # noqa: E402
from evenly.hosts.torch.processes import together  # noqa: E402
from evenly.hosts.torch.vocabulary import ShardedInput, ShardedOutput  # noqa: E402
from evenly.hosts.torch.vocabulary.measure import MICRO, order, ran, trained  # noqa: E402
from evenly.train.pipeline.passes import peaks  # noqa: E402
from evenly.train.pipeline.schedules import schedules  # noqa: E402
from evenly.train.pipeline.schedules.v_half import VHalf  # noqa: E402

UNEVEN = [(30, 31), (7, 54), (60, 1)]
HUGE = 1e4


def layers(rank: int, barriers: int, rows: tuple[int, int], scale: float) -> dict[str, float]:
    """Return how far sharded layers are from whole ones in this process."""
    torch.manual_seed(3)
    x, weight = torch.randn(2, 9, 16, dtype=torch.float64), torch.randn(61, 16, dtype=torch.float64)
    x *= scale
    labels = torch.randint(0, 61, (2, 9))
    labels[0, 0] = -100
    labels[1, :2] = torch.tensor([0, 60])
    whole = [part.clone().requires_grad_() for part in (x, weight)]
    loss = F.cross_entropy(F.linear(*whole).flatten(0, 1), labels.flatten())
    (3 * loss).backward()
    head, mine = ShardedOutput.of(weight, barriers=barriers, rows=rows), x.clone().requires_grad_()
    ours = head(mine, labels)
    (3 * ours).backward()
    assert whole[0].grad is not None
    assert whole[1].grad is not None
    table = weight.clone().requires_grad_()
    states = F.embedding(labels.clamp(min=0), table)
    (states * x).sum().backward()
    embed = ShardedInput.of(weight, rows=rows)
    looked = embed(labels.clamp(min=0))
    (looked * x).sum().backward()
    assert table.grad is not None
    part = slice(head.first, head.last)
    return {
        "loss": float((ours - loss).abs() / loss.abs()),
        "states": float((mine.grad - whole[0].grad).abs().max() / whole[0].grad.abs().max()),
        "weight": float((head.weight.grad - whole[1].grad[part]).abs().max() / whole[1].grad.abs().max()),
        "lookup": float((looked - states).abs().max()),
        "table": float((embed.weight.grad - table.grad[part]).abs().max() / table.grad.abs().max()),
    }


def many_layers(rank: int) -> list[dict[str, float]]:
    """Return the differences for every split, logits of usual and of huge size."""
    return [layers(rank, b, rows, scale) for b in (1, 2) for rows in UNEVEN for scale in (1.0, HUGE)]


def test_sharded_layers_equal_whole_ones_for_any_rows_and_size_of_logits() -> None:
    for found in together(2, many_layers):
        for differences in found:
            assert max(differences.values()) < 1e-13, differences


def pipelines(rank: int) -> dict[str, tuple[float, float]]:
    """Return differences of parameters and micro-batches held, by barriers; then with tied and uneven tables."""
    torch.manual_seed(4)
    return {
        "one": trained(rank, 1),
        "two": trained(rank, 2),
        "tied": trained(rank, 2, tied=True),
        "uneven": trained(rank, 1, rows=(20, 41)),
        "vee": trained(rank, 2, schedule=VHalf()),
        "vee, one": trained(rank, 1, schedule=VHalf()),
    }


def test_a_pipeline_trains_the_parameters_of_one_process_and_holds_what_was_published() -> None:
    first, second = together(2, pipelines)
    for found in (first, second):
        assert all(apart < 1e-12 for apart, _ in found.values()), found
    assert [first[name][1] for name in ("one", "two")] == [3, 4]  # p + 1 and p + 2
    assert second["two"][1] <= 4
    held = peaks(order(2, VHalf())) / 2
    assert [first["vee"][1], second["vee"][1]] == held.tolist()


def in_torch(rank: int) -> dict[str, float]:
    """Return how far gradients are where torch runs our orders."""
    torch.manual_seed(5)
    return {name: ran(rank, name) for name in schedules}


def test_torch_runs_every_order_and_gets_the_gradients_of_one_process() -> None:
    for found in together(2, in_torch):
        assert set(found) == set(schedules)
        assert max(found.values()) < 1e-12, found


def test_the_three_lines_of_the_page_take_the_place_of_linear_layer_and_cross_entropy() -> None:
    torch.manual_seed(0)
    model, states, labels = torch.nn.Module(), torch.randn(4, 8), torch.randint(0, 12, (4,))
    model.lm_head = torch.nn.Linear(8, 12, bias=False)
    page = (Path(__file__).parents[3] / "docs" / "pipelines.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from evenly.hosts.torch.vocabulary import.*?)```", page, re.DOTALL)
    names = {"model": model, "states": states, "labels": labels}
    exec(compile(code, "pipelines.md", "exec"), names)
    loss, head = names["loss"], names["head"]
    expected = F.cross_entropy(model.lm_head(states), labels)
    expected.backward()
    assert torch.allclose(loss, expected)
    assert torch.allclose(head.weight.grad, model.lm_head.weight.grad, atol=1e-7)


@pytest.mark.parametrize("barriers", [1, 2])
@pytest.mark.parametrize("kinds", [(torch.bfloat16, torch.bfloat16), (torch.bfloat16, torch.float32)])
def test_half_precision_keeps_its_softmax_in_float32(barriers: int, kinds: tuple[Any, Any]) -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(64, 32).to(kinds[0]).requires_grad_(), (torch.randn(5000, 32) / 6).to(kinds[1])
    labels = torch.randint(0, 5000, (64,))
    head = ShardedOutput.of(weight, barriers=barriers)
    loss = head(x, labels)
    loss.backward()
    whole = x.detach().float().requires_grad_()
    expected = F.cross_entropy(F.linear(whole, weight.float()), labels)
    expected.backward()
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-3)
    assert x.grad is not None
    assert x.grad.dtype == kinds[0]
    assert head.weight.grad is not None
    assert head.weight.grad.dtype == kinds[1]
    assert torch.allclose(x.grad.float(), whole.grad, atol=float(whole.grad.abs().max()) / 50)


@pytest.mark.parametrize("barriers", [1, 2])
def test_where_no_label_counts_loss_and_gradients_are_nothing(barriers: int) -> None:
    head, x = ShardedOutput(8, 11, barriers=barriers), torch.randn(3, 8, requires_grad=True)
    loss = head(x, torch.full((3,), -100))
    loss.backward()
    assert [float(part.abs().sum()) for part in (loss.detach(), x.grad, head.weight.grad)] == [0, 0, 0]


def shapes(rank: int) -> tuple[float, float, int]:
    """Return how far loss and gradient are from one process, and the passes timed, for micro-batches of any shape."""
    torch.manual_seed(8)
    table, weight = torch.randn(2, 12, 8, dtype=torch.float64)
    whole = [torch.nn.Linear(8, 8).double() for _ in range(2)]
    stage = copy.deepcopy(whole[rank])
    embed, head = ShardedInput.of(table), ShardedOutput.of(weight)
    pipeline = Sharded(order(2), [stage], embed, head)
    tokens = [torch.randint(0, 12, (k + 1, 3) if k % 2 else (5 * k + 1,)) for k in range(MICRO)]
    labels = [(part + 1) % 12 for part in tokens]
    loss = pipeline.step(tokens, labels)
    states = whole[1](whole[0](table[torch.cat([part.flatten() for part in tokens])]))
    expected = F.cross_entropy(states @ weight.T, torch.cat([part.flatten() for part in labels]))
    expected.backward()
    apart = (stage.weight.grad - whole[rank].weight.grad).abs().max() / whole[rank].weight.grad.abs().max()
    return loss - float(expected.detach()), float(apart), len(pipeline.seconds) - len(pipeline.passes)


def test_micro_batches_of_a_step_may_differ_in_shape() -> None:
    for loss, gradient, passes in together(2, shapes):
        assert abs(loss) < 1e-12
        assert gradient < 1e-12
        assert passes == 0


def test_labels_of_another_shape_than_their_tokens_are_told() -> None:
    with pytest.raises(RuntimeError, match="labels in the shape of their tokens, not 8 and 7"):
        together(2, short)


def short(rank: int) -> None:
    """Leave out the labels of a micro-batch."""
    pipeline = Sharded(order(2), [torch.nn.Linear(8, 8)], ShardedInput(12, 8), ShardedOutput(8, 12))
    tokens = [torch.zeros(3, dtype=torch.int64)] * MICRO
    pipeline.step(tokens, tokens[1:])


def resumed(rank: int) -> bool:
    """Return whether a pipeline that goes on from saved parameters ends with the bits of one that was not stopped."""
    torch.manual_seed(6)
    stage, embed, head = torch.nn.Linear(8, 8), ShardedInput(12, 8), ShardedOutput(8, 12)
    parts = torch.nn.ModuleList([stage, embed, head])
    pipeline = Sharded(order(2), [stage], embed, head)
    optimiser = torch.optim.AdamW(parts.parameters())
    data = torch.randint(0, 12, (4, 2, MICRO, 1, 3), generator=torch.Generator().manual_seed(7))

    def steps(first: int, last: int) -> None:
        for tokens, labels in data[first:last]:
            optimiser.zero_grad()
            pipeline.step(list(tokens), list(labels))
            optimiser.step()

    steps(0, 2)
    saved = copy.deepcopy((parts.state_dict(), optimiser.state_dict()))
    steps(2, 4)
    through = [parameter.detach().clone() for parameter in parts.parameters()]
    parts.load_state_dict(saved[0])
    optimiser.load_state_dict(saved[1])
    steps(2, 4)
    return all(torch.equal(one, other) for one, other in zip(through, parts.parameters(), strict=True))


def test_a_pipeline_resumes_bit_for_bit() -> None:
    assert together(2, resumed) == [True, True]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ShardedOutput(4, 8, barriers=3), "barriers is 1 or 2, not 3"),
        (lambda: ShardedOutput(4, 8, rows=[3]), "8 together, not"),
        (lambda: ShardedOutput(4, 8)(torch.randn(2, 3), torch.zeros(2, dtype=torch.int64)), r"states are \[..., 4\]"),
        (lambda: ShardedOutput(4, 8)(torch.randn(1, 4), torch.tensor([8])), "labels are 0 to 7, or -100"),
        (lambda: ShardedInput(8, 4)(torch.tensor([9])), "tokens are 0 to 7, not 9 to 9"),
        (lambda: ShardedInput(8, 5, tied=ShardedOutput(4, 8)), "the tied layer has 8 words of width 4, not 8 of 5"),
    ],
)
def test_a_mistake_is_told(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


def test_orders_with_a_sharded_vocabulary_are_not_handed_to_torch() -> None:
    from evenly.hosts.torch.pipelines.runtime import actions

    with pytest.raises(ValueError, match="torch has no actions for a sharded vocabulary"):
        actions(order(1))


def test_the_demo_learns_under_torchrun() -> None:
    words = [
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "evenly.hosts.torch.pipelines.demo",
    ]
    said = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+), 4 micro-batches held", said.stdout)]
    assert losses[-1] < 0.5 * losses[0]


def failing(rank: int) -> None:
    """Fail in one process."""
    if rank == 1:
        raise ValueError("on purpose")


def test_a_process_that_fails_is_told_by_name() -> None:
    with pytest.raises(RuntimeError, match="process 1: ValueError: on purpose"):
        together(2, failing)
