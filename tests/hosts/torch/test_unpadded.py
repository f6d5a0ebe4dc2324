"""A BERT that computes no padding gives the losses and gradients of the Hugging Face model that pads."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")
pytest.importorskip("transformers", reason="a Hugging Face BERT needs transformers")

from evenly.hosts.torch.unpadded import UnpaddedBert, UnpaddedMaskedLM, pack, ranks, unpad  # noqa: E402
from evenly.hosts.torch.unpadded.attention import attend  # noqa: E402
from evenly.hosts.torch.unpadded.measure import LONGEST, Size, batch, model, steps  # noqa: E402
from evenly.train.unpadded.roundings import roundings  # noqa: E402

SMALL = Size(width=32, layers=2, heads=2, vocabulary=100)
LENGTHS = np.array([7, 512, 130, 64, 65, 3])


def test_losses_and_gradients_are_those_of_the_padded_model_under_every_layout() -> None:
    found = steps(LENGTHS, seed=1, size=SMALL, rounds=1)
    padded = found["padded"]
    most = float(padded.gradients.abs().max())
    for name, step in found.items():
        assert step.loss == pytest.approx(padded.loss, rel=1e-6), name
        assert float((step.gradients - padded.gradients).abs().max()) <= 1e-5 * most, name


@pytest.mark.parametrize("name", roundings)
def test_a_sequence_does_not_see_its_neighbours(name: str) -> None:
    torch.manual_seed(0)
    alone = [torch.randint(5, 100, (int(size),)) for size in LENGTHS]
    bert = UnpaddedBert(model(SMALL, 2).bert).eval()
    together = bert(pack(alone, roundings[name]()))
    apart = torch.cat([bert(pack([one], roundings[name]())) for one in alone])
    assert torch.allclose(together, apart, atol=1e-5)


def test_attention_is_that_of_a_dense_mask() -> None:
    torch.manual_seed(1)
    sizes = [5, 9, 1, 9]
    made = pack([torch.zeros(size, dtype=torch.long) for size in sizes], roundings["kernels"]())
    query, key, value = torch.randn(3, sum(sizes), 2, 4, dtype=torch.float64)
    home = torch.repeat_interleave(torch.arange(4), torch.tensor(sizes))
    scores = torch.einsum("ihd,jhd->hij", query, key) / 2.0
    scores = scores.masked_fill(home[:, None] != home[None], float("-inf"))
    dense = torch.einsum("hij,jhd->ihd", scores.softmax(dim=-1), value)
    assert torch.allclose(attend(query, key, value, made), dense, atol=1e-12)
    later = torch.ones(sum(sizes), sum(sizes), dtype=torch.bool).triu(1)
    past = torch.einsum("hij,jhd->ihd", scores.masked_fill(later, float("-inf")).softmax(dim=-1), value)
    assert torch.allclose(attend(query, key, value, made, causal=True), past, atol=1e-12)


def test_the_layout_of_a_batch() -> None:
    tokens, mask, labels = batch(LENGTHS, SMALL, 3)
    made = unpad(tokens, mask, roundings["multiples"](), labels=labels)
    assert made.starts.tolist() == [0, *np.cumsum(LENGTHS)]
    assert torch.equal(made.tokens, tokens[mask.bool()])
    assert made.positions.max() == 511
    assert torch.equal(made.tokens[made.masked], made.labels)
    flat = torch.cat([group.places.flatten() for group in made.groups])
    assert torch.equal(flat[made.back], torch.arange(len(made.tokens)))
    assert sum(int(group.real.sum()) for group in made.groups) == LENGTHS.sum()
    assert [group.full for group in made.groups] == [True, False, False, False]


def test_the_lines_of_the_page_run_as_they_stand() -> None:
    page = Path(__file__).parents[3] / "docs" / "systems" / "unpadded-bert.md"
    (lines,) = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    tokens, mask, labels = batch(LENGTHS, SMALL, 3)
    names: dict[str, Any] = {"model": model(SMALL, 4), "input_ids": tokens, "attention_mask": mask, "labels": labels}
    exec(lines, names)
    names["loss"].backward()
    assert 0 < float(names["loss"].detach()) < 10


def test_it_is_the_model_of_the_user_that_learns() -> None:
    bert = model(SMALL, 4)
    unpadded = UnpaddedMaskedLM(bert)
    tokens, mask, labels = batch(LENGTHS, SMALL, 3)
    made = unpad(tokens, mask, roundings["kernels"](), labels=labels)
    before = {name: weight.clone() for name, weight in bert.state_dict().items()}
    assert set(map(id, unpadded.parameters())) <= set(map(id, bert.parameters()))
    optimizer = torch.optim.SGD(bert.parameters(), lr=0.1)
    (unpadded(made) / len(made.labels)).backward()
    optimizer.step()
    assert any(not torch.equal(before[name], weight) for name, weight in bert.state_dict().items())


def test_the_mode_of_the_users_model_decides_on_dropout() -> None:
    bert = model(SMALL, 4)
    for layer in bert.bert.encoder.layer:
        layer.attention.self.dropout.p = 0.5
    unpadded = UnpaddedMaskedLM(bert)
    tokens, mask, labels = batch(LENGTHS, SMALL, 3)
    made = unpad(tokens, mask, roundings["kernels"](), labels=labels)
    bert.eval()
    assert float(unpadded(made).detach()) == float(unpadded(made).detach())
    bert.train()
    assert float(unpadded(made).detach()) != float(unpadded(made).detach())


def test_layers_of_which_the_model_keeps_nothing_are_computed_again() -> None:
    bert = model(SMALL, 4)
    passes: list[int] = []
    bert.bert.encoder.layer[0].intermediate.register_forward_hook(lambda *_: passes.append(1))
    unpadded = UnpaddedMaskedLM(bert)
    tokens, mask, labels = batch(LENGTHS, SMALL, 3)
    made = unpad(tokens, mask, roundings["kernels"](), labels=labels)
    gradients = []
    for asked in (bert.gradient_checkpointing_disable, bert.gradient_checkpointing_enable):
        asked()
        bert.zero_grad()
        unpadded(made).backward()
        gradients.append([weight.grad.clone() for weight in unpadded.parameters()])
    assert len(passes) == 1 + 2
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: pack([], roundings["alone"]()), "sequences of at least one token"),
        (lambda: pack([torch.ones(0)], roundings["alone"]()), "sequences of at least one token"),
        (
            lambda: pack([torch.ones(3)], roundings["alone"](), labels=[torch.ones(2)]),
            r"labels are as long as their sequences, \[3\], not \[2\]",
        ),
        (
            lambda: unpad(torch.ones(1, 3), torch.tensor([[0, 1, 1]]), roundings["alone"]()),
            "pad on the right",
        ),
        (
            lambda: unpad(torch.ones(1, 3), torch.ones(1, 2), roundings["alone"]()),
            r"the mask is as the tokens are, \[1, 3\], not \[1, 2\]",
        ),
        (
            lambda: UnpaddedMaskedLM(model(SMALL, 4))(pack([torch.ones(LONGEST + 1).long()], roundings["alone"]())),
            f"positions for {LONGEST} tokens, not {LONGEST + 1}",
        ),
        (lambda: UnpaddedMaskedLM(torch.nn.Linear(1, 1)), "not Linear"),
        (lambda: UnpaddedBert(torch.nn.Linear(1, 1)), "not Linear"),
    ],
)
def test_what_cannot_be_laid_out_is_told(ask: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ask()


def test_two_ranks_that_exchange_learn_what_one_process_learns() -> None:
    found = ranks.figures(np.random.default_rng(5).integers(1, 200, (3, 8)), seed=1, size=SMALL)
    assert found["apart"] <= 1e-5
    assert 1.0 <= found["exchanged"] <= 2.0
