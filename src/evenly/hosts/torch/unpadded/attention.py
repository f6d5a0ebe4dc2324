"""Attention within the sequences of a packed batch, group by group.

Letters of shapes: T tokens, H heads, D width of a head, b sequences of a group, R their length.
"""

from typing import TypeAlias

import torch
from torch.nn.functional import scaled_dot_product_attention

from evenly.hosts.torch.unpadded.packed import Packed

Tensor: TypeAlias = torch.Tensor


def attend(
    query: Tensor, key: Tensor, value: Tensor, batch: Packed, dropout: float = 0.0, causal: bool = False
) -> Tensor:
    """Return what each token gets from the tokens of its own sequence, `causal` from those up to itself; [T, H, D].

    Groups run one after another; on a device with streams they would run side by side, on a CPU that brings nothing.
    """
    parts = []
    for group in batch.groups:
        alone = [one[group.places].transpose(1, 2) for one in (query, key, value)]  # [b, H, R, D]
        seen = None if group.full or causal else group.real[:, None, None, :]  # what comes later is not seen anyway
        found = scaled_dot_product_attention(*alone, attn_mask=seen, dropout_p=dropout, is_causal=causal)
        parts.append(found.transpose(1, 2).flatten(0, 1))  # [b * R, H, D]
    return torch.cat(parts)[batch.back]
