"""A small encoder over sequences without padding, so that a rank's work is the tokens that it has."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the encoder is."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    vocabulary: int = 1024


def encoder(shape: Shape, seed: int) -> Any:
    """Return a `torch.nn.Module` from a list of sequences to the sum of their losses; equal seeds give equal weights.

    Each token predicts the next one of its sequence, so a sequence of n tokens has n - 1 labels.
    """
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(shape.vocabulary, shape.width)
            layer = nn.TransformerEncoderLayer(
                shape.width, shape.heads, 4 * shape.width, dropout=0.0, batch_first=True, norm_first=True
            )
            self.layers = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)
            self.head = nn.Linear(shape.width, shape.vocabulary)

        def forward(self, sequences: list[Any]) -> Any:
            states = [self.layers(self.embed(tokens[None, :-1]))[0] for tokens in sequences]
            labels = torch.cat([tokens[1:] for tokens in sequences])
            return nn.functional.cross_entropy(self.head(torch.cat(states)), labels, reduction="sum")

    torch.manual_seed(seed)
    return Encoder()


def tokens(lengths: list[int], shape: Shape, seed: int) -> list[Any]:
    """Return random sequences of these lengths."""
    import torch

    chance = torch.Generator().manual_seed(seed)
    return [torch.randint(shape.vocabulary, (length,), generator=chance) for length in lengths]
