"""How the documents of a micro-batch are laid out: a row each, or all in one row.

Letters of shapes: B documents, L the longest of them, T tokens, H heads, D width of a head.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from evenly.hosts.torch.unpadded import pack
from evenly.hosts.torch.unpadded.attention import attend
from evenly.hosts.torch.unpadded.packed import IGNORED
from evenly.train.unpadded.roundings.multiples import Multiples


class Padded:
    """Each document in a row of its own, filled up to the longest; tokens and labels are [B, L]."""

    def __init__(self, documents: Sequence[Tensor]) -> None:
        self.tokens = pad_sequence([document[:-1] for document in documents], batch_first=True)
        self.labels = pad_sequence([document[1:] for document in documents], batch_first=True, padding_value=IGNORED)
        self.positions = torch.arange(self.tokens.shape[1])

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what each token gets from those before it; all are [B, L, H, D]."""
        turned = (part.transpose(1, 2) for part in (query, key, value))
        found: Tensor = scaled_dot_product_attention(*turned, is_causal=True).transpose(1, 2)
        return found


class Unpadded:
    """All documents in one row; tokens and labels are [T]."""

    def __init__(self, documents: Sequence[Tensor]) -> None:
        inputs, labels = [document[:-1] for document in documents], [document[1:] for document in documents]
        self.packed = pack(inputs, Multiples(32), labels=labels)
        self.tokens, self.labels, self.positions = self.packed.tokens, self.packed.labels, self.packed.positions

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what each token gets from those before it in its document; all are [T, H, D]."""
        return attend(query, key, value, self.packed, causal=True)


Rows = Padded | Unpadded
