"""What it is worth on this machine to compute no padding, in CPU time, against a Hugging Face BERT that computes it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from evenly.core import Ints
from evenly.hosts.torch.unpadded.bert import UnpaddedMaskedLM
from evenly.hosts.torch.unpadded.packed import IGNORED, Packed, unpad
from evenly.train.unpadded.costs import fitted
from evenly.train.unpadded.roundings import Rounding
from evenly.train.unpadded.roundings.alone import Alone
from evenly.train.unpadded.roundings.kernels import Kernels
from evenly.train.unpadded.roundings.least_work import LeastWork
from evenly.train.unpadded.roundings.multiples import Multiples

Tensor: TypeAlias = torch.Tensor
LONGEST = 512
MASKED = 0.15  # of the tokens are predicted
ROUNDINGS: Mapping[str, Rounding] = {
    "alone": Alone(),
    "kernels": Kernels(),
    "multiples": Multiples(),
    "least_work": LeastWork(),
}


@dataclass(frozen=True, slots=True)
class Size:
    """Size of the encoder; the defaults are the smallest on which speed was published for a CPU."""

    width: int = 256
    layers: int = 2
    heads: int = 4
    vocabulary: int = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step under one layout."""

    seconds: float
    "CPU time of forward and backward pass."
    loss: float
    gradients: Tensor
    "All of them, flat."


def model(size: Size, seed: int) -> Any:
    """Return a Hugging Face BERT with random weights, without dropout.

    Raises `ValueError` that names the extra where transformers are not installed.
    """
    try:
        from transformers import BertConfig, BertForMaskedLM
    except ImportError:
        raise ValueError("a Hugging Face BERT needs transformers: pip install transformers") from None
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        max_position_embeddings=LONGEST,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertForMaskedLM(config)


def batch(lengths: Ints, size: Size, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return tokens, mask and labels of random sequences, each [B, LONGEST]."""
    chance = torch.Generator().manual_seed(seed)
    shape = (len(lengths), LONGEST)
    tokens = torch.randint(5, size.vocabulary, shape, generator=chance)
    mask = (torch.arange(LONGEST) < torch.from_numpy(lengths)[:, None]).long()
    predicted = (torch.rand(shape, generator=chance) < MASKED) & mask.bool()
    predicted[:, 0] = True  # at least one
    return tokens, mask, torch.where(predicted, tokens, IGNORED)


def layouts(bert: Any, tokens: Tensor, mask: Tensor, labels: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Return for each layout what computes the mean loss of the masked tokens.

    `hugging_face` is the model as it is, whose head computes every position; `padded` differs only in that its head
    sees the masked ones, as ours does.
    """
    unpadded = UnpaddedMaskedLM(bert)
    most = int(mask.sum(dim=1).max())

    def padded(upto: int) -> Tensor:
        state = bert.bert(input_ids=tokens[:, :upto], attention_mask=mask[:, :upto]).last_hidden_state
        wanted = labels[:, :upto]
        seen = wanted != IGNORED
        return cross_entropy(bert.cls(state[seen]), wanted[seen])

    found: dict[str, Callable[[], Tensor]] = {
        "hugging_face": lambda: bert(input_ids=tokens, attention_mask=mask, labels=labels).loss,
        "padded": lambda: padded(LONGEST),
        "to_longest": lambda: padded(most),
    }
    for name, rounding in ROUNDINGS.items():
        packed = unpad(tokens, mask, rounding, labels=labels)
        found[name] = partial(_mean, unpadded, packed)
    return found


def _mean(unpadded: Any, packed: Packed) -> Tensor:
    return unpadded(packed) / len(packed.labels)


def steps(lengths: Ints, seed: int, size: Size = Size(), rounds: int = 1) -> dict[str, Step]:
    """Return a step of each layout on one batch, the shortest of several rounds in which all took turns."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        bert = model(size, seed)
        found: dict[str, Step] = {}
        for loss in layouts(bert, *batch(np.array([9, 3]), size, seed)).values():
            _step(bert, loss)  # warms up
        for _ in range(rounds):
            for name, loss in layouts(bert, *batch(lengths, size, seed)).items():
                step = _step(bert, loss)
                if name not in found or step.seconds < found[name].seconds:
                    found[name] = step
        return found
    finally:
        torch.set_num_threads(threads)


def _step(bert: Any, loss: Callable[[], Tensor]) -> Step:
    bert.zero_grad()
    begin = time.process_time()
    found = loss()
    found.backward()
    seconds = time.process_time() - begin
    gradients = torch.cat([weight.grad.flatten() for weight in bert.parameters() if weight.grad is not None])
    return Step(seconds, float(found.detach()), gradients)


def figures(lengths: Ints, seed: int, size: Size = Size(), rounds: int = 1) -> dict[str, float]:
    """Return gains over the padded model, how far losses and gradients are apart, and how well costs foretell them.

    `gradients` is the largest difference from the padded model over the largest gradient.
    """
    found = steps(lengths, seed, size, rounds)
    padded = found["padded"]
    result = {f"gain_{name}": padded.seconds / step.seconds for name, step in found.items()}
    result["gain_over_hugging_face"] = found["hugging_face"].seconds / found["multiples"].seconds
    result["gain_over_to_longest"] = found["to_longest"].seconds / found["multiples"].seconds
    result["loss"] = max(abs(step.loss - padded.loss) / abs(padded.loss) for step in found.values())
    most = float(padded.gradients.abs().max())
    result["gradients"] = max(float((step.gradients - padded.gradients).abs().max()) / most for step in found.values())
    result["fill"] = float(lengths.mean()) / LONGEST
    predicted = _predicted(lengths, {name: step.seconds for name, step in found.items()})
    result["predicted_off_percent"] = 100 * abs(predicted / result["gain_multiples"] - 1)
    return result


def _predicted(lengths: Ints, seconds: Mapping[str, float]) -> float:
    """Return the gain of `multiples` that costs foretell which were fitted to all other layouts but the padded one."""
    computed = {"padded": np.full(len(lengths), LONGEST), "to_longest": np.full(len(lengths), lengths.max())}
    rounded = computed | {name: rounding.up(lengths) for name, rounding in ROUNDINGS.items()}
    tokens = {name: int(computed.get(name, lengths).sum()) for name in rounded}
    known = [name for name in rounded if name not in ("padded", "multiples")]
    costs = fitted([tokens[k] for k in known], [rounded[k] for k in known], [seconds[k] for k in known])
    padded, best = (costs.seconds(tokens[name], rounded[name]) for name in ("padded", "multiples"))
    return padded / best
