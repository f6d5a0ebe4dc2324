"""Profiles that LLMServingSim writes: `meta.yaml` and folders `tp<N>` with tables of layers, attention and experts."""

import csv
import gzip
from pathlib import Path

import numpy as np
import yaml

from evenly.core import Array, Floats
from evenly.hardware.model import Model
from evenly.hardware.profiles.measured import Curve, Grid, Measured, Skew, rising, total

TWICE = ("layernorm",)  # before attention and before the feed-forward network
ONCE = ("embedding", "final_layernorm")
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
    meta = yaml.safe_load((path / "meta.yaml").read_text())
    dense = _curves(folder, "dense", "tokens")
    experts = None
    if model.experts:
        experts = _experts(rows(path / "tp1", "moe"), model, ranks)
    skew = (meta.get("skew_fit") or {}).get("per_tp", {}).get(tensor)
    return Measured(
        layer=total([_times(dense[name], 2 if name in TWICE else 1) for name in dense if name not in ONCE]),
        once=total([dense[name] for name in ONCE if name in dense]),
        head=total(list(_curves(folder, "per_sequence", "sequences").values())),
        attention=_attention(rows(folder, "attention")),
        experts=experts,
        skew=_skew(rows(folder, "skew_fit"), float(skew["alpha_default"])) if skew else None,
    )


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of `name.csv` or `name.csv.gz`; raise `ValueError` if there is neither."""
    for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz"):
        if path.is_file():
            with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
                return list(csv.DictReader(file))
    raise ValueError(f"'{folder}' holds no {name}.csv")


def _curves(folder: Path, name: str, key: str) -> dict[str, Curve]:
    points: dict[str, dict[float, float]] = {}
    for row in rows(folder, name):
        points.setdefault(row["layer"], {})[float(row[key])] = float(row["time_us"]) * 1e-6
    return {layer: _curve(found) for layer, found in points.items()}


def _curve(points: dict[float, float]) -> Curve:
    x = np.array(sorted(points))
    return Curve(x, np.array([points[at] for at in x]))


def _times(curve: Curve, factor: int) -> Curve:
    return Curve(curve.x, curve.y * factor)


def _attention(table: list[dict[str, str]]) -> Grid:
    """Return the regular part of the grid; its gaps hold what does not exist or would be too many sequences."""
    keys = ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode")
    found = {tuple(int(row[key]) for key in keys): float(row["time_us"]) * 1e-6 for row in table}
    axes = [_doubling(sorted({point[k] for point in found})) for k in range(4)]
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


def _experts(table: list[dict[str, str]], model: Model, ranks: int) -> Curve:
    """Return the seconds of one rank's experts by the tokens of all ranks.

    Each rank sees the tokens of all and holds its share of the experts; a token picks its experts evenly.
    """
    points: dict[float, dict[float, float]] = {}
    for row in table:
        experts = points.setdefault(float(row["activated_experts"]), {})
        experts[float(row["tokens"])] = float(row["time_us"]) * 1e-6
    lines = {experts: _curve(found) for experts, found in sorted(points.items())}
    tokens = np.array(sorted({at for found in points.values() for at in found}))
    tokens = np.concatenate([tokens, tokens[-1] * np.array([2.0, 4.0, 8.0])])
    here = model.experts / ranks
    hit = here * (1 - (1 - model.active / model.experts) ** tokens)
    counts = np.array(list(lines))
    seconds = [np.interp(hit[k], counts, [line(tokens[k]) for line in lines.values()]) for k in range(len(tokens))]
    return Curve(tokens, rising(np.array(seconds)))


def _skew(table: list[dict[str, str]], default: float) -> Skew:
    edges = (
        np.array(sorted({float(row["pc"]) for row in table})),
        np.array(sorted({float(row["n_label"].partition("<=")[2]) for row in table if "<=" in row["n_label"]})),
        np.array([0.05, 0.15, 0.40, 0.70]),
        np.array([1024.0, 4096.0, 16384.0]),
        np.array([0.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0]),
    )
    share = np.full([len(edge) + 1 for edge in edges], default)
    for row in table:
        where = (
            int(np.searchsorted(edges[0], float(row["pc"]))),
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
    meta = yaml.safe_load((path / "meta.yaml").read_text())
    return {
        "card": str(meta["gpu"]),
        "profiled": f"{meta['model']}, vLLM {meta['vllm_version']}, {str(meta['profiled_at'])[:10]}",
    }
