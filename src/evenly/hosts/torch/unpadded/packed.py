"""A batch of sequences in one row, without padding.

Letters of shapes: T tokens of the batch, B sequences, M masked tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch

from evenly.core import Ints
from evenly.train.unpadded.roundings import Rounding

Tensor: TypeAlias = torch.Tensor
IGNORED = -100
"Label of a token that is not predicted, as everywhere in PyTorch."


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Sequences that attention computes in one call, padded to one length."""

    places: Tensor
    "int64 [b, R]: of each of their tokens in the row; padding points at token 0."
    real: Tensor
    "bool [b, R]: which of them are tokens."
    full: bool
    "Whether all of them are: then attention needs no mask."


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """What a step needs, prepared before it on the host: the step itself never asks a device for a number."""

    tokens: Tensor
    "int64 [T]"
    segments: Tensor
    "int64 [T]"
    positions: Tensor
    "int64 [T]: from 0 in each sequence."
    starts: Tensor
    "int32 [B + 1]: where sequences begin, and the end of the last (`cu_seqlens`)."
    groups: tuple[Group, ...]
    back: Tensor
    "int64 [T]: of each token in the groups one after another, each of them laid out flat."
    masked: Tensor
    "int64 [M]: tokens that are to be predicted."
    labels: Tensor
    "int64 [M]"
    longest: int
    "Tokens of the longest sequence."

    def to(self, device: Any) -> "Packed":
        """Return the batch on a device."""
        groups = tuple(
            Group(each.places.to(device, non_blocking=True), each.real.to(device, non_blocking=True), each.full)
            for each in self.groups
        )
        kept = ("groups", "longest")
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in self.__slots__ if name not in kept}
        return replace(self, groups=groups, **moved)


def pack(
    sequences: Sequence[Tensor],
    rounding: Rounding,
    segments: Sequence[Tensor] | None = None,
    labels: Sequence[Tensor] | None = None,
) -> Packed:
    """Return a batch of sequences, each int64 [its length]; labels are `IGNORED` where nothing is predicted.

    Raises `ValueError` for an empty batch, an empty sequence, and labels or segments of other lengths.
    """
    lengths = np.array([len(one) for one in sequences], np.int64)
    if not len(lengths) or lengths.min() < 1:
        raise ValueError(f"a batch has sequences of at least one token, not of {lengths.tolist()}")
    for name, given in (("segments", segments), ("labels", labels)):
        if given is not None and [len(one) for one in given] != lengths.tolist():
            raise ValueError(f"{name} are as long as their sequences, {lengths.tolist()}, not {[*map(len, given)]}")
    tokens = torch.cat(list(sequences))
    starts = np.concatenate(([0], np.cumsum(lengths)))
    groups, back = _grouped(lengths, starts, rounding.up(lengths))
    wanted = torch.cat(list(labels)) if labels is not None else torch.full_like(tokens, IGNORED)
    masked = torch.nonzero(wanted != IGNORED).flatten()
    return Packed(
        tokens,
        torch.cat(list(segments)) if segments is not None else torch.zeros_like(tokens),
        torch.from_numpy(np.arange(len(tokens)) - np.repeat(starts[:-1], lengths)),
        torch.from_numpy(starts.astype(np.int32)),
        groups,
        back,
        masked,
        wanted[masked],
        int(lengths.max()),
    )


def unpad(
    input_ids: Tensor,
    attention_mask: Tensor,
    rounding: Rounding,
    token_type_ids: Tensor | None = None,
    labels: Tensor | None = None,
) -> Packed:
    """Return what is real of a padded batch, each tensor [B, length] as a Hugging Face collator makes them.

    Raises `ValueError` where a sequence is not at the left of its row, and for a mask of another shape.
    """
    if attention_mask.shape != input_ids.shape:
        raise ValueError(f"the mask is as the tokens are, {list(input_ids.shape)}, not {list(attention_mask.shape)}")
    real = attention_mask.bool()
    lengths = real.sum(dim=1)
    if not torch.equal(real, torch.arange(real.shape[1]) < lengths[:, None]):
        raise ValueError("the tokens of each sequence stand at the left of its row; pad on the right")
    sizes = lengths.tolist()

    def rows(padded: Tensor | None) -> list[Tensor] | None:
        return None if padded is None else [row[:size] for row, size in zip(padded, sizes, strict=True)]

    return pack(rows(input_ids) or [], rounding, rows(token_type_ids), rows(labels))


def _grouped(lengths: Ints, starts: Ints, rounded: Ints) -> tuple[tuple[Group, ...], Tensor]:
    """Return the groups, longest first, and where each token stands in them."""
    if (rounded < lengths).any():
        raise ValueError(f"a rounding gives no length below a sequence's own, {lengths.tolist()}: {rounded.tolist()}")
    groups, back, before = [], np.empty(int(starts[-1]), np.int64), 0
    for size in np.unique(rounded)[::-1]:
        rows = np.flatnonzero(rounded == size)
        across = np.arange(size)
        real = across < lengths[rows, None]
        places = np.where(real, starts[rows, None] + across, 0)
        back[places[real]] = before + np.flatnonzero(real)
        before += places.size
        groups.append(Group(torch.from_numpy(places), torch.from_numpy(real), bool(real.all())))
    return tuple(groups), torch.from_numpy(back)
