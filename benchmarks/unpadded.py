"""Hugging Face's BERT on padded batches, with both of its attentions, beside the same weights without padding.

Losses and gradients of all arms are compared before anything is timed. Needs torch and transformers.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.figures import Figure
from benchmarks.turns import ratio, taken
from evenly.hosts.torch.unpadded.bert import UnpaddedMaskedLM
from evenly.hosts.torch.unpadded.measure import LONGEST, Size, batch, model
from evenly.hosts.torch.unpadded.packed import unpad
from evenly.train.batches.corpora.wikipedia import Wikipedia
from evenly.train.unpadded.roundings.multiples import Multiples

SEQUENCES, ROUNDS = 16, 3
SIZE = Size()
LOSS, GRADIENT = 1e-6, 1e-5  # relative differences that are allowed
GAIN = 1.6  # required of CPU time against the padded model
ARMS = ("sdpa, padded to 512", "eager, padded to 512", "sdpa, padded to the longest", "eager, padded to the longest")
OURS = "unpadded"


def measure() -> list[Figure]:
    """Return CPU seconds of forward and backward pass by arm, and ratios to the unpadded one."""
    torch.set_num_threads(1)
    lengths = Wikipedia().draw(SEQUENCES, np.random.default_rng(1))
    work = arms(lengths)
    figures = [Figure("filled positions", float(lengths.mean()) / LONGEST, "share"), *apart(work)]
    times = taken({name: partial(passed, *arm) for name, arm in work.items()}, ROUNDS)
    figures += [Figure.of(name, seconds, "CPU s") for name, seconds in times.items()]
    for name in ARMS:
        limit = GAIN if name.endswith("512") else 1.0
        figures.append(ratio(f"{name}, over {OURS}", times, name, OURS, limit, at_least=True))
    return figures


def arms(lengths: Any) -> dict[str, tuple[Any, Callable[[], Any]]]:
    """Return of each arm the model, all with the same weights, and what computes its mean loss on the batch."""
    first = model(SIZE, seed=0)
    tokens, mask, labels = batch(lengths, SIZE, seed=0)
    longest = int(mask.sum(dim=1).max())
    found: dict[str, tuple[Any, Callable[[], Any]]] = {}
    for name in ARMS:
        bert = copy.deepcopy(first)
        bert.set_attn_implementation(name.partition(",")[0])
        upto = longest if name.endswith("longest") else LONGEST
        given = {"input_ids": tokens[:, :upto], "attention_mask": mask[:, :upto], "labels": labels[:, :upto]}
        found[name] = bert, partial(theirs, bert, given)
    ours = copy.deepcopy(first)
    unpadded, packed = UnpaddedMaskedLM(ours), unpad(tokens, mask, Multiples(), labels=labels)
    found[OURS] = ours, lambda: unpadded(packed) / len(packed.labels)
    return found


def theirs(bert: Any, given: dict[str, Any]) -> Any:
    """Return the mean loss as Hugging Face's model computes it."""
    return bert(**given).loss


def passed(bert: Any, loss: Callable[[], Any]) -> tuple[float, Any]:
    """Compute forward and backward pass; return the loss and all gradients, flat."""
    bert.zero_grad()
    found = loss()
    found.backward()
    return float(found.detach()), torch.cat([p.grad.flatten() for p in bert.parameters() if p.grad is not None])


def apart(work: dict[str, tuple[Any, Callable[[], Any]]]) -> list[Figure]:
    """Return how far losses and gradients of the other arms are from those of the first, relative to the largest."""
    (loss, gradients), *others = (passed(*arm) for arm in work.values())
    most = float(gradients.abs().max())
    return [
        Figure("loss, largest relative difference", max(abs(one / loss - 1) for one, _ in others), "", LOSS),
        Figure(
            "gradients, largest difference over the largest",
            max(float((one - gradients).abs().max()) / most for _, one in others),
            "",
            GRADIENT,
        ),
    ]
