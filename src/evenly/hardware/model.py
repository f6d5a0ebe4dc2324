"""Model architectures, from Hugging Face `config.json` files."""

import difflib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MODELS = Path(__file__).parent / "data" / "models"


@dataclass(frozen=True, slots=True)
class Model:
    """What a cost model must know of a transformer."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    context: int
    "Longest sequence."
    experts: int = 0
    "Experts of a layer; 0 for a dense model."
    active: int = 0
    "Experts that a token visits."
    bytes: int = 2
    "Bytes of a weight and of a cached value."

    @property
    def layer_parameters(self) -> float:
        """Return the weights of a layer."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return attention + 3.0 * self.hidden * self.intermediate * max(1, self.experts)

    @property
    def active_parameters(self) -> float:
        """Return the weights that a token meets, the output head included."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        network = 3.0 * self.hidden * self.intermediate * max(1, self.active)
        return self.layers * (attention + network) + self.vocabulary * self.hidden

    @property
    def weight_bytes(self) -> float:
        """Return the bytes of all weights."""
        return (self.layers * self.layer_parameters + 2.0 * self.vocabulary * self.hidden) * self.bytes

    @property
    def kv_bytes(self) -> float:
        """Return the bytes of keys and values of one token."""
        return 2.0 * self.layers * self.kv_heads * self.head_dim * self.bytes


def model(name: str) -> Model:
    """Return an embedded model, or the one of a Hugging Face `config.json`.

    >>> model("llama-3.1-8b").kv_bytes
    131072.0
    """
    if name.endswith(".json"):
        return parse(json.loads(Path(name).read_text()), name)
    if name not in models():
        near = difflib.get_close_matches(name, models(), 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(models())}"
        raise ValueError(f"no model '{name}'; {hint}, or the path of a Hugging Face config.json")
    return parse(json.loads((MODELS / f"{name}.json").read_text()), name)


@cache
def models() -> tuple[str, ...]:
    """Return the names of the embedded models."""
    return tuple(sorted(path.stem for path in MODELS.glob("*.json")))


def parse(config: dict[str, Any], name: str) -> Model:
    """Read a Hugging Face configuration."""
    heads = config["num_attention_heads"]
    return Model(
        name=name,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads", heads),
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate=config.get("moe_intermediate_size") or config["intermediate_size"],
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        experts=config.get("num_experts") or config.get("num_local_experts") or 0,
        active=config.get("num_experts_per_tok") or 0,
    )
