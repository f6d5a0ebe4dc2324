"""A small language model with experts in all but its first layer, for comparing how they are balanced.

Letters of shapes: B sequences, L length, D width, T tokens, E experts, K chosen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from evenly.hosts.torch.experts.router import Router


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of the model; the defaults are the smallest that show what the arms differ in."""

    vocabulary: int = 128
    layers: int = 4
    width: int = 128
    heads: int = 4
    experts: int = 16
    active: int = 2
    inner: int = 64
    "Width inside an expert; the shared one and the first layer's network are twice as wide."
    length: int = 128


class Experts(nn.Module):
    """A mixture of experts with one shared expert: y = shared(x) + sum over chosen of weight x expert(x)."""

    def __init__(self, size: Size, balance_loss: float, sequence_loss: float) -> None:
        super().__init__()
        self.router = Router(
            size.width, size.experts, size.active, balance_loss=balance_loss, sequence_loss=sequence_loss
        )
        self.up = nn.Parameter(torch.randn(size.experts, size.width, size.inner) * size.width**-0.5)
        self.down = nn.Parameter(torch.randn(size.experts, size.inner, size.width) * (0.5 * size.inner**-0.5))
        self.shared = network(size.width, 2 * size.inner)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, L, D]; each expert computes its own tokens, one after the other."""
        tokens = x.reshape(-1, x.shape[-1])
        weights, experts = self.router(x)
        order = experts.flatten().argsort(stable=True)
        owner = order // experts.shape[1]
        counts = torch.bincount(experts.flatten(), minlength=len(self.up)).tolist()
        parts = zip(tokens.index_select(0, owner).split(counts), self.up, self.down, strict=True)
        made = torch.cat([functional.gelu(part @ up) @ down for part, up, down in parts])
        weighed = made * weights.flatten().index_select(0, order)[:, None]
        mixed = torch.zeros_like(tokens).index_add(0, owner, weighed)
        return (mixed + self.shared(tokens)).view_as(x)


class Block(nn.Module):
    """Attention, then a network: dense in the first layer, experts in the others."""

    def __init__(self, size: Size, first: bool, balance_loss: float, sequence_loss: float) -> None:
        super().__init__()
        self.heads = size.heads
        self.before, self.after = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.qkv = nn.Linear(size.width, 3 * size.width, bias=False)
        self.out = nn.Linear(size.width, size.width, bias=False)
        self.network = network(size.width, 4 * size.inner) if first else Experts(size, balance_loss, sequence_loss)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, L, D]."""
        batch, length, width = x.shape
        parts = self.qkv(self.before(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.network(self.after(x))


class Gpt(nn.Module):
    """Predict the next symbol."""

    def __init__(self, size: Size, balance_loss: float = 0.0, sequence_loss: float = 0.0) -> None:
        super().__init__()
        self.symbols = nn.Embedding(size.vocabulary, size.width)
        self.places = nn.Embedding(size.length, size.width)
        self.blocks = nn.ModuleList(
            Block(size, layer == 0, balance_loss, sequence_loss) for layer in range(size.layers)
        )
        self.norm = nn.LayerNorm(size.width)
        self.head = nn.Linear(size.width, size.vocabulary, bias=False)
        nn.init.normal_(self.symbols.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, text: Tensor) -> Tensor:
        """Return the mean cross entropy, in nats a symbol, of text [B, L + 1]."""
        inputs, wanted = text[:, :-1], text[:, 1:]
        x = self.symbols(inputs) + self.places.weight[: inputs.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.cross_entropy(self.head(self.norm(x)).flatten(0, 1), wanted.flatten())


def network(width: int, inner: int) -> nn.Sequential:
    """Return a network of one hidden layer."""
    return nn.Sequential(nn.Linear(width, inner, bias=False), nn.GELU(), nn.Linear(inner, width, bias=False))
