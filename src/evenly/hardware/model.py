"""Model architectures, from Hugging Face `config.json` files."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evenly.hardware.device import known

MODELS = Path(__file__).parent / "data" / "models"
WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1, "fp8": 1, "int8": 1}


@dataclass(frozen=True, slots=True)
class Model:
    """What a cost model must know of a transformer.

    Weights are counted without norms, biases and learned positions, which stay below 1.5% of any embedded model.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    "Width of the feed-forward network, of one expert if the model has experts."
    vocabulary: int
    context: int
    "Longest sequence."
    experts: int = 0
    "Experts of a layer; 0 for a dense model."
    active: int = 0
    "Experts that a token visits, shared ones not counted."
    shared: int = 0
    "Experts that every token visits."
    dense_layers: int = 0
    "First layers without experts in a model with experts."
    dense_intermediate: int = 0
    "Width of the feed-forward network of those layers."
    latent: int = 0
    "Compressed keys and values of a token in multi-head latent attention; 0 for keys and values by head."
    rope: int = 0
    "Positional part of a latent key, shared by all heads."
    query_latent: int = 0
    "Compressed query of latent attention; 0 if queries are not compressed."
    value_dim: int = 0
    "Width of a value head in latent attention."
    matrices: int = 3
    "Matrices of a feed-forward network: 3 if gated, 2 if not."
    tied: bool = False
    "Whether embedding and output head are one matrix."
    bytes: int = 2
    "Bytes of a weight."
    kv_width: int = 2
    "Bytes of a cached value."

    @property
    def attention_parameters(self) -> float:
        """Return the attention weights of a layer."""
        if not self.latent:
            return float(self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads))
        key = self.head_dim + self.rope
        query = (
            self.query_latent * (self.hidden + self.heads * key)
            if self.query_latent
            else self.hidden * self.heads * key
        )
        down = self.hidden * (self.latent + self.rope)
        up = self.latent * self.heads * (self.head_dim + self.value_dim)
        return float(query + down + up + self.heads * self.value_dim * self.hidden)

    @property
    def expert_parameters(self) -> float:
        """Return the weights of one expert of one layer."""
        return float(self.matrices * self.hidden * self.intermediate)

    @property
    def layer_parameters(self) -> float:
        """Return the weights of a layer, the mean where the first layers differ."""
        return self.attention_parameters + self._network(self.experts + self.shared)

    @property
    def active_parameters(self) -> float:
        """Return the weights that a token meets, the output head included."""
        network = self._network(self.active + self.shared)
        return self.layers * (self.attention_parameters + network) + self.vocabulary * self.hidden

    @property
    def parameters(self) -> float:
        """Return all weights."""
        tables = 1.0 if self.tied else 2.0
        return self.layers * self.layer_parameters + tables * self.vocabulary * self.hidden

    @property
    def weight_bytes(self) -> float:
        """Return the bytes of all weights."""
        return self.parameters * self.bytes

    @property
    def kv_bytes(self) -> float:
        """Return the bytes of keys and values of one token, on all devices of a replica that share none of them."""
        if self.latent:
            return float(self.layers * (self.latent + self.rope) * self.kv_width)
        return 2.0 * self.layers * self.kv_heads * self.head_dim * self.kv_width

    def kv_bytes_on(self, tensor: int) -> float:
        """Return the bytes of one token on each of `tensor` devices; a head or a latent is never cut.

        >>> model("llama-3-70b").kv_bytes_on(4)
        81920.0
        """
        if self.latent:
            return self.kv_bytes
        return self.kv_bytes / self.kv_heads * -(-self.kv_heads // tensor)

    def _network(self, visited: int) -> float:
        if not self.experts:
            return self.expert_parameters
        share = self.dense_layers / self.layers
        dense = share * self.matrices * self.hidden * self.dense_intermediate
        router = (1 - share) * self.hidden * self.experts
        return dense + router + (1 - share) * self.expert_parameters * visited


def model(name: str) -> Model:
    """Return an embedded model, or the one of a Hugging Face `config.json` (or of the folder that holds it).

    Raises `ValueError` for an unknown name, an unreadable file, or a configuration of another kind of network.

    >>> model("llama-3.1-8b").kv_bytes
    131072.0
    """
    path = Path(name)
    if name.endswith(".json") or path.is_dir():
        return read(path / "config.json" if path.is_dir() else path)
    return _embedded(known(name, dict.fromkeys(models()), "model", "; or give the path of a Hugging Face config.json"))


@cache
def _embedded(name: str) -> Model:
    return parse(json.loads((MODELS / f"{name}.json").read_text()), name)


@cache
def models() -> tuple[str, ...]:
    """Return the names of the embedded models."""
    return tuple(sorted(path.stem for path in MODELS.glob("*.json")))


def read(path: Path) -> Model:
    """Read a `config.json`; raise `ValueError` that names the file if it is missing or no configuration."""
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"cannot read the model's configuration '{path}': {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"'{path}' is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"'{path}' holds {type(config).__name__}, not the fields of a config.json")
    try:
        return parse(config, str(config.get("_name_or_path") or path.parent.name or path.stem))
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from error


def parse(config: dict[str, Any], name: str) -> Model:
    """Read a Hugging Face configuration; raise `ValueError` naming what is missing or not positive."""
    text = config.get("text_config")
    config = {**config, **(text if isinstance(text, dict) else {})}
    hidden = _whole(config, "hidden_size", "n_embd", "d_model")
    heads = _whole(config, "num_attention_heads", "n_head")
    experts = _whole(config, "n_routed_experts", "num_experts", "num_local_experts", default=0)
    plain = config.get("model_type") in ("opt", "gpt2", "gptj", "gpt_neox", "bloom", "falcon", "phi")
    wide = _whole(config, "intermediate_size", "ffn_dim", "n_inner", default=0) or 4 * hidden
    latent = _whole(config, "kv_lora_rank", default=0)
    dim = _whole(config, "qk_nope_head_dim", default=0) if latent else _whole(config, "head_dim", default=0)
    if not dim and hidden < heads:
        raise ValueError(f"hidden_size {hidden} is too small for {heads} heads")
    if experts and _whole(config, "num_experts_per_tok", default=0) not in range(1, experts + 1):
        raise ValueError(f"num_experts_per_tok is between 1 and {experts}, not {config.get('num_experts_per_tok')!r}")
    if _whole(config, "first_k_dense_replace", default=0) > _whole(config, "num_hidden_layers", "n_layer"):
        raise ValueError("first_k_dense_replace is more than num_hidden_layers")
    return Model(
        name=name,
        layers=_whole(config, "num_hidden_layers", "n_layer"),
        hidden=hidden,
        heads=heads,
        kv_heads=_whole(config, "num_key_value_heads", default=0) or heads,
        head_dim=dim or hidden // heads,
        intermediate=(_whole(config, "moe_intermediate_size", default=0) or wide) if experts else wide,
        vocabulary=_whole(config, "vocab_size"),
        context=_whole(config, "max_position_embeddings", "n_positions", default=2048),
        experts=experts,
        active=_whole(config, "num_experts_per_tok", default=0) if experts else 0,
        shared=_shared(config) if experts else 0,
        dense_layers=_whole(config, "first_k_dense_replace", default=0) if experts else 0,
        dense_intermediate=wide if experts else 0,
        latent=latent,
        rope=_whole(config, "qk_rope_head_dim", default=0) if latent else 0,
        query_latent=_whole(config, "q_lora_rank", default=0) if latent else 0,
        value_dim=_whole(config, "v_head_dim", default=0) if latent else 0,
        matrices=2 if plain else 3,
        tied=bool(config.get("tie_word_embeddings", False)),
        bytes=_width(config),
    )


def _whole(config: dict[str, Any], *keys: str, default: int | None = None) -> int:
    for key in keys:
        value = config.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (value == 0 and default is None):
            raise ValueError(f"{key} is a positive whole number, not {value!r}")
        return value
    if default is None:
        raise ValueError(f"no {' or '.join(keys)}; is it the config.json of a transformer decoder?")
    return default


def _shared(config: dict[str, Any]) -> int:
    """Return how many experts every token visits; one wide network counts as so many experts of the usual width."""
    wide = _whole(config, "shared_expert_intermediate_size", default=0)
    narrow = _whole(config, "moe_intermediate_size", default=0)
    return wide // narrow if wide and narrow else _whole(config, "n_shared_experts", default=0)


def _width(config: dict[str, Any]) -> int:
    quantised = config.get("quantization_config")
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    dtype = method or config.get("torch_dtype") or config.get("dtype") or "bfloat16"
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise ValueError(f"no bytes known for weights of type '{dtype}'; known: {', '.join(WIDTHS)}")
    return WIDTHS[dtype]
