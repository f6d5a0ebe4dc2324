"""Kernel tables that AIConfigurator publishes: parquet files by kernel, for one kind of machine."""

from pathlib import Path
from typing import Any

import numpy as np

from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.kernels import TOKENS, additive, alike, elementwise, plane, products, regular
from evenly.hardware.profiles.measured import Curve, Measured, total

PRECISION = {2: "bfloat16", 1: "fp8"}
DISTRIBUTION = "power_law_1.2"  # of tokens over experts, if measured; else balanced
GRAPH = ("vllm_graph", "vllm")  # all-reduces inside captured graphs, as engines run them; then whatever there is


def recognises(path: Path) -> bool:
    """Return whether the folder holds such tables, at any depth."""
    return path.is_dir() and bool(_files(path, "gemm")) and bool(_files(path, "generation_attention"))


def read(path: Path, model: Model, device: Device, tensor: int, ranks: int) -> Measured:
    """Assemble the kernels of a model on `tensor` devices.

    Raises `ValueError` if a table lacks the model's shapes.
    """
    if model.latent:
        raise ValueError(
            f"the tables under '{path}' have no attention for the latent keys of {model.name}; use roofline"
        )
    matrix = [_product(path, PRECISION[min(model.bytes, 2)], n, k) for n, k in products(model, tensor)]
    head = _product(path, "bfloat16", model.vocabulary // tensor, model.hidden)
    return Measured(
        layer=total([*matrix, elementwise(model, device, tensor)]),
        once=Curve(TOKENS, TOKENS * model.hidden * 4 / (device.bandwidth * 0.8)),
        head=head,
        attention=_attention(path, model, tensor),
        experts=_experts(path, model, tensor, ranks) if model.experts else None,
        reduce=_reduce(path, tensor) if tensor > 1 else None,
    )


def describe(path: Path) -> dict[str, str]:
    """Return which tables are read, and what is assumed beside them."""
    return {
        "kernels": str(_table(path, "generation_attention").parent.relative_to(path)),
        "norms, rotation, activation": "memory traffic at 80% of the bandwidth, 3 us at least",
        "prompt with a history": "as a fresh prompt with as many token pairs, or one read of the history if longer",
    }


def _files(path: Path, name: str) -> list[Path]:
    return sorted(file for file in path.rglob(f"{name}_perf.parquet"))


def _table(path: Path, name: str) -> Path:
    found = _files(path, name)
    vllm = [file for file in found if "vllm" in str(file.relative_to(path))]
    if not found:
        raise ValueError(f"'{path}' holds no {name}_perf.parquet")
    return (vllm or found)[-1]


def _query(file: Path, columns: str, where: str, values: list[Any]) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect() as base:
        try:
            return base.execute(f"select {columns} from read_parquet(?) where {where}", [str(file), *values]).fetchall()
        except duckdb.Error as error:
            raise ValueError(f"cannot read '{file}': {str(error).splitlines()[0]}") from error


def _product(path: Path, dtype: str, n: int, k: int) -> Curve:
    """Return the seconds of a matrix product by rows, bilinear between the measured shapes around it."""
    file = _table(path, "gemm")
    sides = _query(file, "list(distinct n), list(distinct k)", "gemm_dtype = ?", [dtype])
    if not sides or not sides[0][0]:
        raise ValueError(f"'{file}' has no products of type {dtype}")
    rows = _around(sides[0][0], n)
    inner = _around(sides[0][1], k)
    found = _query(
        file,
        "m, n, k, min(latency) * 1e-3",
        "gemm_dtype = ? and n in (?, ?) and k in (?, ?) group by m, n, k",
        [dtype, rows[0], rows[-1], inner[0], inner[-1]],
    )
    times = {(int(m), int(a), int(b)): float(s) for m, a, b, s in found}
    tokens = sorted({m for m, _, _ in times if all((m, a, b) in times for a in rows for b in inner)})
    seconds = []
    for m in tokens:
        values = np.array([[times[m, a, b] for b in inner] for a in rows])
        seconds.append(plane(np.array(rows, np.float64), np.array(inner, np.float64), values)(n, k))
    return Curve(np.array(tokens, np.float64), np.array(seconds))


def _around(measured: list[int], wanted: int) -> list[int]:
    points = sorted(int(point) for point in measured)
    if wanted in points:
        return [wanted]
    low = min(max(int(np.searchsorted(points, wanted)) - 1, 0), len(points) - 2)
    return points[low : low + 2]


def _attention(path: Path, model: Model, tensor: int) -> Any:
    kv = -(-model.kv_heads // tensor)
    shape = [model.heads // tensor, kv, model.head_dim]
    prompts = _heads(path, "context_attention", "isl", shape)
    decodes = _heads(path, "generation_attention", "isl + step", shape)
    fresh = regular(prompts, f"context attention of {shape} under '{path}'")
    steady = regular(decodes, f"decode attention of {shape} under '{path}'")

    def prefill(prompt: float, held: float) -> float:
        read = steady(1.0, prompt + held) if held else 0.0
        return max(fresh(1.0, alike(prompt, held)), read)

    return additive(prefill, steady)


def _heads(path: Path, name: str, length: str, shape: list[int]) -> list[tuple[float, float, float]]:
    """Return batch, length and seconds for a shape of heads, KV heads and width.

    Where it was not measured, a shape with 1/f of the heads stands in, with f times the batch: as many keys are read
    and as many products done.
    """
    file = _table(path, name)
    plain = "kv_cache_dtype = 'bfloat16' and head_dim = ?"
    if "window_size" in _columns(file):
        plain += " and window_size = 0"
    for fold in range(1, shape[1] + 1):
        if shape[0] % fold or shape[1] % fold:
            continue
        found = _query(
            file,
            f"batch_size, {length}, min(latency) * 1e-3",
            f"{plain} and num_heads = ? and num_key_value_heads = ? group by batch_size, {length}",
            [shape[2], shape[0] // fold, shape[1] // fold],
        )
        if found:
            return [(float(a) / fold, float(b), float(c)) for a, b, c in found]
    raise ValueError(f"'{file}' has no attention of {shape[0]} heads, {shape[1]} KV heads and width {shape[2]}")


def _columns(file: Path) -> set[str]:
    import duckdb

    with duckdb.connect() as base:
        try:
            found = base.execute("describe select * from read_parquet(?)", [str(file)]).fetchall()
        except duckdb.Error as error:
            raise ValueError(f"cannot read '{file}': {str(error).splitlines()[0]}") from error
    return {row[0] for row in found}


def _experts(path: Path, model: Model, tensor: int, ranks: int) -> Curve:
    file = _table(path, "moe")
    dtype = PRECISION[min(model.bytes, 2)]
    where = "hidden_size = ? and inter_size = ? and topk = ? and num_experts = ? and moe_dtype = ? "
    where += "and moe_tp_size = ? and moe_ep_size = ? and distribution = ? group by num_tokens"
    shape = [model.hidden, model.intermediate, model.active, model.experts, dtype, tensor, ranks]
    for distribution in (DISTRIBUTION, "balanced"):
        found = _query(file, "num_tokens, min(latency) * 1e-3", where, [*shape, distribution])
        if found:
            x, y = np.array(sorted((float(a), float(b)) for a, b in found)).T
            return Curve(np.ascontiguousarray(x), np.ascontiguousarray(y))
    raise ValueError(f"'{file}' has no experts of {model.name} on {tensor} devices and {ranks} ranks")


def _reduce(path: Path, tensor: int) -> Curve:
    file = _table(path, "custom_allreduce")
    found = _query(file, "message_size * 2, latency * 1e-3, backend", "num_gpus = ?", [tensor])
    if not found:
        raise ValueError(f"'{file}' has no all-reduce of {tensor} devices")
    kinds = {row[2] for row in found}
    kind = next((kind for kind in GRAPH if kind in kinds), sorted(kinds)[0])
    x, y = np.array(sorted((float(a), float(b)) for a, b, c in found if c == kind)).T
    return Curve(np.ascontiguousarray(x), np.ascontiguousarray(y))
