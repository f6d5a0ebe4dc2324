"""The weights of a Hugging Face BERT, run on packed batches."""

from typing import Any, TypeAlias

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from evenly.hosts.torch.unpadded.attention import attend
from evenly.hosts.torch.unpadded.packed import Packed

Tensor: TypeAlias = torch.Tensor


class UnpaddedBert(torch.nn.Module):
    """Run a Hugging Face `BertModel` on packed batches, on its own parameters: it stays the model that it is.

    Optimizers, `state_dict`, `save_pretrained`, `eval` and `gradient_checkpointing_enable` of the model are used as
    before. Raises `ValueError` for a model that is not a BERT encoder.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        config: Any = getattr(model, "config", None)
        if getattr(config, "model_type", None) != "bert" or config.is_decoder:
            raise ValueError(f"a BERT encoder is run without padding, not {type(model).__name__}")
        self.model = model

    def forward(self, batch: Packed) -> Tensor:
        """Return the last hidden state of each token, [T, width]; raise `ValueError` for too long a sequence."""
        most = self.model.config.max_position_embeddings
        if batch.longest > most:
            raise ValueError(f"this model has positions for {most} tokens, not {batch.longest}; cut longer sequences")
        state = self._embedded(batch)
        for layer in self.model.encoder.layer:
            if layer.gradient_checkpointing and layer.training:
                state = checkpoint(self._layer, layer, state, batch, use_reentrant=False)
            else:
                state = self._layer(layer, state, batch)
        return state

    def _embedded(self, batch: Packed) -> Tensor:
        made = self.model.embeddings
        state = made.word_embeddings(batch.tokens) + made.token_type_embeddings(batch.segments)
        out: Tensor = made.dropout(made.LayerNorm(state + made.position_embeddings(batch.positions)))
        return out

    def _layer(self, layer: Any, state: Tensor, batch: Packed) -> Tensor:
        own = layer.attention.self
        shape = (len(state), own.num_attention_heads, own.attention_head_size)
        query, key, value = (part(state).view(shape) for part in (own.query, own.key, own.value))
        dropout = own.dropout.p if own.training else 0.0  # the user may set the mode of the model alone
        seen = attend(query, key, value, batch, dropout).flatten(1)
        state = layer.attention.output(seen, state)
        out: Tensor = layer.output(layer.intermediate(state), state)
        return out


class UnpaddedMaskedLM(torch.nn.Module):
    """Run a Hugging Face `BertForMaskedLM` on packed batches; its head sees only the tokens that are to be predicted.

    Raises `ValueError` as `UnpaddedBert` does.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        head = getattr(model, "cls", None)
        if not hasattr(head, "predictions") or hasattr(head, "seq_relationship") or not hasattr(model, "bert"):
            raise ValueError(f"a BertForMaskedLM is run without padding, not {type(model).__name__}")
        self.bert = UnpaddedBert(model.bert)
        self.head = model.cls

    def forward(self, batch: Packed) -> Tensor:
        """Return the sum of the losses of all masked tokens, a scalar.

        Divide by how many they are on *all* ranks: the means of ranks that hold different numbers do not average to
        the mean.
        """
        state = self.bert(batch)[batch.masked]
        return cross_entropy(self.head(state), batch.labels, reduction="sum")
