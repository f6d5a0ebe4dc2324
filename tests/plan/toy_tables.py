"""Tables in AIConfigurator's columns in which every kernel takes what the roofline says."""

from pathlib import Path
from typing import Any

import duckdb

from evenly.hardware.device import Device, device
from evenly.hardware.model import Model, model
from evenly.hardware.profiles.kernels import CONTEXTS, DECODES, PROMPTS, TOKENS
from evenly.plan.cost import Passes

WIDE = (1, 1 << 18)  # sides of products; what is bilinear between them is exact
SPLITS = (1, 2, 4, 8)


def write(folder: Path, of: str = "llama-3-8b", without: tuple[str, ...] = (), slices: float = 0.0) -> Path:
    """Write the tables of a model on H100 into a folder, those named in `without` left out; return the folder.

    With `slices`, sliced experts take so many times as long, and whole ones are left out.
    """
    card = device("h100")
    made = {
        "gemm": _products(card),
        "context_attention": _prompts(model(of), card),
        "generation_attention": _decodes(model(of), card),
    }
    if model(of).experts:
        made["moe"] = _experts(model(of), card)
    if slices:
        sliced = [row for row in made["moe"] if row["moe_ep_size"] == 1]
        made["moe"] = [row | {"latency": slices * row["latency"]} for row in sliced]
    place = folder / "vllm-1.0"
    place.mkdir(parents=True)
    for name, rows in made.items():
        if name not in without:
            _parquet(place / f"{name}_perf.parquet", rows)
    return folder


def _products(card: Device) -> list[dict[str, Any]]:
    return [
        {
            "gemm_dtype": "bfloat16",
            "m": int(m),
            "n": n,
            "k": k,
            "latency": 1e3 * _bound(2.0 * m * n * k, 2.0 * n * k, card),
        }
        for m in TOKENS
        for n in WIDE
        for k in WIDE
    ]


def _heads(of: Model) -> list[dict[str, Any]]:
    kept = {"kv_cache_dtype": "bfloat16", "head_dim": of.head_dim}
    return [kept | {"num_heads": of.heads // n, "num_key_value_heads": -(-of.kv_heads // n)} for n in SPLITS]


def _prompts(of: Model, card: Device) -> list[dict[str, Any]]:
    rows = []
    for shape in _heads(of):
        for length in PROMPTS[1:]:
            pairs = 4.0 * shape["num_heads"] * of.head_dim * length * length / 2
            kv = length * _context(shape)
            latency = 1e3 * max(pairs / (card.flops * Passes().compute), kv / (card.bandwidth * Passes().memory))
            rows.append(shape | {"batch_size": 1, "isl": int(length), "latency": latency})
    return rows


def _decodes(of: Model, card: Device) -> list[dict[str, Any]]:
    return [
        shape
        | {"batch_size": int(n), "isl": 1, "step": int(d) - 1}
        | {"latency": 1e3 * n * d * _context(shape) / (card.bandwidth * Passes().memory)}
        for shape in _heads(of)
        for n in DECODES[1:]
        for d in CONTEXTS[1:]
    ]


def _context(shape: dict[str, Any]) -> float:
    """Return the bytes of one token of context in a layer."""
    return 4.0 * float(shape["num_key_value_heads"]) * float(shape["head_dim"])


def _experts(of: Model, card: Device) -> list[dict[str, Any]]:
    shape = {"hidden_size": of.hidden, "inter_size": of.intermediate, "topk": of.active, "num_experts": of.experts}
    rows = []
    for sliced, ranks in [*((n, 1) for n in SPLITS), *((1, n) for n in SPLITS[1:])]:
        for tokens in TOKENS:
            visited = 1.0 - (1.0 - of.active / of.experts) ** tokens
            flops = 2.0 * tokens * of.active * of.expert_parameters / (sliced * ranks)
            read = of.experts * of.expert_parameters * of.bytes * visited / (sliced * ranks)
            kept = {"moe_dtype": "bfloat16", "distribution": "balanced", "num_tokens": int(tokens)}
            split = {"moe_tp_size": sliced, "moe_ep_size": ranks, "latency": 1e3 * _bound(flops, read, card)}
            rows.append(shape | kept | split)
    return rows


def _bound(flops: float, read: float, card: Device) -> float:
    return max(flops / (card.flops * Passes().compute), read / (card.bandwidth * Passes().memory))


def _parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = ", ".join(f"({', '.join(_literal(value) for value in row.values())})" for row in rows)
    with duckdb.connect() as base:
        base.execute(f"copy (select * from (values {lines}) as t({', '.join(rows[0])})) to '{path}' (format parquet)")


def _literal(value: Any) -> str:
    return repr(value) if isinstance(value, int | str) else f"{float(value)!r}::double"
