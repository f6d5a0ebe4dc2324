"""Tables in Vidur's columns: `mlp.csv` for layers, `attention.csv`, `all_reduce.csv`; also LLMServingSim before 1.0."""

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from evenly.hardware.model import Model
from evenly.hardware.profiles.kernels import additive, regular
from evenly.hardware.profiles.measured import Curve, Grid, Measured, total
from evenly.hardware.profiles.rows import find, rows

MEDIAN = "time_stats.{}.median"
LAYER = (
    "input_layernorm",
    "attn_pre_proj",
    "attn_rope",
    "attn_post_proj",
    "post_attention_layernorm",
    "mlp_up_proj",
    "mlp_act",
    "mlp_down_proj",
    "add",
)
V0_ONCE = ("embedding", "final_layernorm")
V0_HEAD = "lm_head"
V0_ATTENTION = "attn"
EXTRA = ("attn_kv_cache_save", "attn_input_reshape", "attn_output_reshape")


def recognises(path: Path) -> bool:
    """Return whether the folder or file holds such tables."""
    return find(path, "mlp") is not None or find(path, "layers") is not None


def read(path: Path, model: Model, tensor: int, attention: str | None, network: str | None) -> Measured:
    """Read the tables of `tensor` devices; `attention` and `network` are files kept elsewhere.

    Raises `ValueError` if a table is missing or holds another model's shape.
    """
    if model.experts:
        raise ValueError(f"'{path}' has no experts; {model.name} needs a profile that has them")
    mlp = find(path, "mlp")
    layers = find(path, "layers")
    beside = Path(attention) if attention else find(path if path.is_dir() else path.parent, "attention")
    if beside is None:
        raise ValueError(f"'{path}' holds no attention.csv; name the table of the same card and shape in `attention`")
    if layers:
        layer, once, head = _layers(layers, tensor)
    elif mlp:
        layer, once, head = _mlp(mlp, model, tensor)
    else:
        raise ValueError(f"'{path}' holds neither a table of layers nor mlp.csv; name the folder of one card's tables")
    return Measured(
        layer=layer,
        once=once,
        head=head,
        attention=_attention(beside, model, tensor),
        reduce=_reduce(Path(network), tensor) if network and tensor > 1 else None,
    )


def describe(path: Path) -> dict[str, str]:
    """Return what these tables leave out."""
    if find(path, "layers"):
        return {"prompts and decodes": "in separate attention kernels"}
    return {"prompts and decodes": "in separate attention kernels", "output head": "not measured, counted as nothing"}


def _mlp(path: Path, model: Model, tensor: int) -> tuple[Curve, Curve, Curve]:
    """Return layer, embedding and head; Vidur measures no head, which therefore costs nothing."""
    points: dict[float, list[tuple[float, float]]] = {}
    shape = {"n_embd": model.hidden, "n_expanded_embd": model.intermediate, "num_tensor_parallel_workers": tensor}
    table = rows(path, (*shape, "num_tokens"), blank=[MEDIAN.format(op) for op in (*LAYER, "emb")])
    for row in table:
        if all(row[key] == value for key, value in shape.items()):
            work = sum(row[MEDIAN.format(op)] for op in LAYER)
            points.setdefault(row["num_tokens"], []).append((work, row[MEDIAN.format("emb")]))
    if not points:
        known = sorted({tuple(int(row[key]) for key in shape) for row in table})
        raise ValueError(f"'{path}' has no hidden, network, devices {tuple(shape.values())}; known: {known}")
    x = np.array(sorted(points))
    layer = Curve(x, np.array([median(pair[0] for pair in points[at]) for at in x]) * 1e-3)
    embedding = Curve(x, np.array([median(pair[1] for pair in points[at]) for at in x]) * 1e-3)
    return layer, embedding, Curve(np.array([1.0]), np.zeros(1))


def _layers(path: Path, tensor: int) -> tuple[Curve, Curve, Curve]:
    points: dict[str, dict[float, float]] = {}
    for row in rows(path, ("input", "kv_cache", "tp_size", "latency(ns)"), ("layer_name",)):
        if row["tp_size"] == tensor and row["kv_cache"] == 0:
            points.setdefault(row["layer_name"], {})[row["input"]] = row["latency(ns)"] * 1e-9
    if not points:
        raise ValueError(f"'{path}' was not measured for tensor {tensor}")
    curves = {name: Curve(np.array(sorted(p)), np.array([p[at] for at in sorted(p)])) for name, p in points.items()}
    apart = {*V0_ONCE, V0_HEAD, V0_ATTENTION}
    layer = total([curve for name, curve in curves.items() if name not in apart])
    return layer, total([curves[name] for name in V0_ONCE]), curves[V0_HEAD]


def _attention(path: Path, model: Model, tensor: int) -> Grid:
    shape = {
        "n_embd": model.hidden,
        "n_q_head": model.heads,
        "n_kv_head": model.kv_heads,
        "num_tensor_parallel_workers": tensor,
    }
    medians = [MEDIAN.format(op) for op in ("attn_prefill", "attn_decode", *EXTRA)]
    table = rows(path, (*shape, "batch_size", "prefill_chunk_size", "kv_cache_size"), ("is_prefill",), medians)
    own = [row for row in table if all(row[key] == value for key, value in shape.items())]
    if not own:
        known = sorted({tuple(int(row[key]) for key in shape) for row in table})
        raise ValueError(f"'{path}' has no hidden, heads, KV heads, devices {tuple(shape.values())}; known: {known}")
    fresh = _times(own, "True", "attn_prefill", ("prefill_chunk_size", "kv_cache_size"))
    steady = _times(own, "False", "attn_decode", ("batch_size", "kv_cache_size"))
    return additive(regular(fresh, f"prefill of '{path}'"), regular(steady, f"decode of '{path}'"))


def _times(
    table: Iterable[dict[str, Any]], prefill: str, name: str, keys: tuple[str, str]
) -> list[tuple[float, float, float]]:
    found: dict[tuple[float, float], list[float]] = {}
    for row in table:
        if row["is_prefill"] == prefill and row[MEDIAN.format(name)] > 0:
            extra = sum(row[MEDIAN.format(op)] for op in EXTRA)
            found.setdefault((row[keys[0]], row[keys[1]]), []).append((row[MEDIAN.format(name)] + extra) * 1e-3)
    return [(*where, median(times)) for where, times in found.items()]


def _reduce(path: Path, tensor: int) -> Curve:
    points: dict[float, list[float]] = {}
    for row in rows(path, ("num_workers", "devices_per_node", "size", MEDIAN.format("all_reduce"))):
        if row["num_workers"] == tensor and row["devices_per_node"] == tensor:
            points.setdefault(row["size"], []).append(row[MEDIAN.format("all_reduce")] * 1e-3)
    if not points:
        raise ValueError(f"'{path}' has no all-reduce of {tensor} devices in one machine")
    x = np.array(sorted(points))
    return Curve(x, np.array([median(points[at]) for at in x]))
