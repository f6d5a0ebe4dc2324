"""Profiles that LLMServingSim writes: `meta.yaml` and folders `tp<N>` with tables of layers, attention and experts."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evenly.core import Array, Floats
from evenly.hardware.model import Model
from evenly.hardware.profiles.measured import Curve, Grid, Measured, Skew, rising, total
from evenly.hardware.profiles.rows import find, rows

TWICE = ("layernorm",)  # before attention and before the feed-forward network
ONCE = ("embedding", "final_layernorm")
KEYS = ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode")
LABELS = ("n_label", "skew_rate_label", "kv_big_label", "kp_label")
SUFFIXES = {"512": 512, "1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384}


def recognises(path: Path) -> bool:
    """Return whether the folder holds such a profile."""
    return (path / "meta.yaml").is_file() and any(path.glob("tp*/attention.csv*"))


def read(path: Path, model: Model, tensor: int, ranks: int) -> Measured:
    """Read the tables of `tensor` devices; `ranks` replicas share the experts.

    Raises `ValueError` if that many devices were not profiled or a table is missing.
    """
    folder = path / f"tp{tensor}"
    if not folder.is_dir():
        known = ", ".join(sorted(item.name[2:] for item in path.glob("tp*")))
        raise ValueError(f"'{path}' was not profiled for tensor {tensor}; known: {known}")
    meta = _meta(path)
    dense = _curves(folder, "dense", "tokens")
    experts = None
    if model.experts:
        experts = _experts(_table(path / "tp1", "moe", ("tokens", "activated_experts", "time_us")), model, ranks)
    skew = (meta.get("skew_fit") or {}).get("per_tp", {}).get(tensor)
    return Measured(
        layer=total([_times(dense[name], 2 if name in TWICE else 1) for name in dense if name not in ONCE]),
        once=total([dense[name] for name in ONCE if name in dense]),
        head=total(list(_curves(folder, "per_sequence", "sequences").values())),
        attention=_attention(_table(folder, "attention", (*KEYS, "time_us"))),
        experts=experts,
        skew=_skew(_table(folder, "skew_fit", ("pc",), (*LABELS, "alpha")), float(skew["alpha_default"]))
        if skew
        else None,
    )


def _table(folder: Path, name: str, numbers: tuple[str, ...], words: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    path = find(folder, name)
    if path is None:
        raise ValueError(f"'{folder}' holds no {name}.csv")
    return rows(path, numbers, words)


def _curves(folder: Path, name: str, key: str) -> dict[str, Curve]:
    points: dict[str, dict[float, float]] = {}
    for row in _table(folder, name, (key, "time_us"), ("layer",)):
        points.setdefault(row["layer"], {})[row[key]] = row["time_us"] * 1e-6
    return {layer: _curve(found) for layer, found in points.items()}


def _curve(points: dict[float, float]) -> Curve:
    x = np.array(sorted(points))
    return Curve(x, np.array([points[at] for at in x]))


def _times(curve: Curve, factor: int) -> Curve:
    return Curve(curve.x, curve.y * factor)


def _attention(table: list[dict[str, Any]]) -> Grid:
    """Return the regular part of the grid; its gaps hold what does not exist or would be too many sequences."""
    found = {tuple(int(row[key]) for key in KEYS): row["time_us"] * 1e-6 for row in table}
    axes = [_doubling(sorted({point[k] for point in found})) for k in range(4)]
    for key, axis in zip(KEYS, axes, strict=True):
        if len(axis) < 2 or axis[0] != 0:
            raise ValueError(f"the attention table needs {key} 0 and one more power of two, it has {axis.tolist()}")
    values = np.full([len(axis) for axis in axes], np.nan)
    for index in np.ndindex(*values.shape):
        values[index] = found.get(tuple(int(axes[k][index[k]]) for k in range(4)), np.nan)
    values[:, :, 0] = values[:, :, 0, :1]  # no decodes: their context does not matter
    values[0, 1:] = values[0, :1]  # no prompts: their history does not matter
    values[0, :, 0] = 0.0
    values[:, :, :, 0] = np.where(np.isnan(values[:, :, :, 0]), values[:, :, :, 1], values[:, :, :, 0])
    for n in range(2, len(axes[2])):  # more sequences than the engine takes: on along the line
        step = (axes[2][n] - axes[2][n - 1]) / (axes[2][n - 1] - axes[2][n - 2])
        line = values[:, :, n - 1] + step * (values[:, :, n - 1] - values[:, :, n - 2])
        values[:, :, n] = np.where(np.isnan(values[:, :, n]), line, values[:, :, n])
    if np.isnan(values).any():
        raise ValueError(f"the attention table lacks {int(np.isnan(values).sum())} points of its regular grid")
    return Grid((axes[0], axes[1], axes[2], axes[3]), rising(values))


def _doubling(points: list[int]) -> Floats:
    """Return the points that are 0 or powers of two: the others were measured for some partners only."""
    return np.array([at for at in points if at & (at - 1) == 0], np.float64)


def _experts(table: list[dict[str, Any]], model: Model, ranks: int) -> Curve:
    """Return the seconds of one rank's experts by the tokens of all ranks.

    Each rank sees the tokens of all and holds its share of the experts; a token picks its experts evenly.
    """
    points: dict[float, dict[float, float]] = {}
    for row in table:
        experts = points.setdefault(row["activated_experts"], {})
        experts[row["tokens"]] = row["time_us"] * 1e-6
    lines = {experts: _curve(found) for experts, found in sorted(points.items())}
    tokens = np.array(sorted({at for found in points.values() for at in found}))
    tokens = np.concatenate([tokens, tokens[-1] * np.array([2.0, 4.0, 8.0])])
    here = model.experts / ranks
    hit = here * (1 - (1 - model.active / model.experts) ** tokens)
    counts = np.array(list(lines))
    seconds = [np.interp(hit[k], counts, [line(tokens[k]) for line in lines.values()]) for k in range(len(tokens))]
    return Curve(tokens, rising(np.array(seconds)))


def _skew(table: list[dict[str, Any]], default: float) -> Skew:
    edges = (
        np.array(sorted({row["pc"] for row in table})),
        np.array(sorted({float(row["n_label"].partition("<=")[2]) for row in table if "<=" in row["n_label"]})),
        np.array([0.05, 0.15, 0.40, 0.70]),
        np.array([1024.0, 4096.0, 16384.0]),
        np.array([0.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0]),
    )
    share = np.full([len(edge) + 1 for edge in edges], default)
    for row in table:
        where = (
            int(np.searchsorted(edges[0], row["pc"])),
            _bucket(edges[1], row["n_label"]),
            _bucket(edges[2] * 100, row["skew_rate_label"].rstrip("%")),
            _bucket(edges[3], row["kv_big_label"]),
            _bucket(edges[4], row["kp_label"].replace("kp=", "kp<=")),
        )
        share[where] = float(row["alpha"])
    return Skew(edges, share)


def _bucket(edges: Array, label: str) -> int:
    """Return the bucket of a label such as `kvB<=4k`; `>` is the last."""
    _, inside, text = label.partition("<=")
    if not inside:
        return len(edges)
    return int(np.searchsorted(edges, float(SUFFIXES.get(text, text)) - 1e-6))


def describe(path: Path) -> dict[str, str]:
    """Return what was profiled, and when."""
    meta = _meta(path)
    return {
        "card": str(meta.get("gpu")),
        "profiled": f"{meta.get('model')}, vLLM {meta.get('vllm_version')}, {str(meta.get('profiled_at'))[:10]}",
    }


def profiled(path: Path) -> str:
    """Return the name of the model that was profiled, as its makers write it."""
    return str(_meta(path).get("model"))


def _meta(path: Path) -> dict[str, Any]:
    try:
        meta = yaml.safe_load((path / "meta.yaml").read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"cannot read '{path / 'meta.yaml'}': {error}") from error
    if not isinstance(meta, dict):
        raise ValueError(f"'{path / 'meta.yaml'}' holds no settings")
    return meta
