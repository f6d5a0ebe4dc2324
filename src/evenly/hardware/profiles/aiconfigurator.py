"""Kernel tables that AIConfigurator publishes: parquet files by kernel, for one kind of machine."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.kernels import TOKENS, additive, alike, elementwise, plane, products, regular
from evenly.hardware.profiles.measured import Curve, Grid, Measured, total

Scales = Literal["tensor", "block"]
EIGHT: dict[Scales, str] = {"tensor": "fp8", "block": "fp8_block"}
DISTRIBUTION = "power_law_1.2"  # of tokens over experts, if measured; else balanced
GRAPH = ("vllm_graph", "vllm")  # all-reduces inside captured graphs, as engines run them; then whatever there is
SYSTEMS = {
    "a100-80gb": "a100_sxm",
    "h100": "h100_sxm",
    "h200": "h200_sxm",
    "b200": "b200_sxm",
    "l40s": "l40s",
    "rtx-pro-6000": "rtx_pro_6000_server",
}
COLLECTIVES = {"all-gather": "all_gather", "reduce-scatter": "reduce_scatter", "all-to-all": "alltoall"}


class LackingError(ValueError):
    """The tables are sound, and do not hold what was asked."""


def installed(device: Device) -> Path:
    """Return the folder of a device's tables in the installed package.

    Raises `ValueError` if the package is missing or has none of the device.
    """
    spec = find_spec("aiconfigurator_core")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("'silicon' needs the package aiconfigurator-core: pip install 'evenly[silicon]'")
    if device.name not in SYSTEMS:
        raise ValueError(f"aiconfigurator-core has no tables of {device.name}; known: {', '.join(SYSTEMS)}")
    return Path(spec.submodule_search_locations[0]) / "systems" / "data" / SYSTEMS[device.name]


def recognises(path: Path) -> bool:
    """Return whether the folder holds such tables, at any depth."""
    return path.is_dir() and bool(_files(path, "gemm")) and bool(_files(path, "generation_attention"))


def read(path: Path, model: Model, device: Device, tensor: int, ranks: int) -> Measured:
    """Assemble the kernels of a model on `tensor` devices.

    Raises `ValueError` if a table lacks the model's shapes.
    """
    matrix = [product(path, precision(model.bytes), n, k) for n, k in products(model, tensor)]
    head = product(path, "bfloat16", model.vocabulary // tensor, model.hidden)
    return Measured(
        layer=total([*matrix, elementwise(model, device, tensor)]),
        once=Curve(TOKENS, TOKENS * model.hidden * 4 / (device.bandwidth * 0.8)),
        head=head,
        attention=attention(path, model, tensor),
        experts=experts(path, model, tensor, ranks) if model.experts else None,
        reduce=all_reduce(path, tensor) if tensor > 1 else None,
    )


def describe(path: Path) -> dict[str, str]:
    """Return which tables are read, and what is assumed beside them."""
    return {
        "kernels": release(path),
        "norms, rotation, activation": "memory traffic at 80% of the bandwidth, 3 us at least",
        "prompt with a history": "as a fresh prompt with as many token pairs, or one read of the history if longer",
    }


def release(path: Path) -> str:
    """Return the engine whose kernels were measured, and its release, as folders name them."""
    folder = _table(path, "generation_attention").parent.relative_to(path)
    return "/".join(folder.parts[-2:])  # the package has one for each family of kernels above it


def precision(width: int, scales: Scales = "tensor") -> str:
    """Return the type of weights of so many bytes as the tables name it; only 8 bits have scales.

    >>> precision(2), precision(1, "block")
    ('bfloat16', 'fp8_block')
    """
    return "bfloat16" if width > 1 else EIGHT[scales]


def _files(path: Path, name: str) -> list[Path]:
    return sorted(file for file in path.rglob(f"{name}_perf.parquet"))


def _table(path: Path, name: str) -> Path:
    found = _files(path, name)
    vllm = [file for file in found if "vllm" in str(file.relative_to(path))]
    if not found:
        raise LackingError(f"'{path}' holds no {name}_perf.parquet")
    return (vllm or found)[-1]


def _query(file: Path, columns: str, where: str, values: list[Any]) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect() as base:
        try:
            return base.execute(f"select {columns} from read_parquet(?) where {where}", [str(file), *values]).fetchall()
        except duckdb.Error as error:
            raise ValueError(f"cannot read '{file}': {str(error).splitlines()[0]}") from error


def product(path: Path, dtype: str, n: int, k: int) -> Curve:
    """Return the seconds of a matrix product by rows, bilinear between the measured shapes around it.

    Raises `LackingError` if no product of that type was measured.
    """
    file = _table(path, "gemm")
    sides = _query(file, "list(distinct n), list(distinct k)", "gemm_dtype = ?", [dtype])
    if not sides or not sides[0][0]:
        raise LackingError(f"'{file}' has no products of type {dtype}")
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


def attention(path: Path, model: Model, tensor: int) -> Grid:
    """Return the attention of a layer on one of `tensor` devices; raise `LackingError` if nobody measured its heads."""
    if model.latent:
        raise LackingError(
            f"the tables under '{path}' have no attention for the latent keys of {model.name}; use roofline"
        )
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
    raise LackingError(f"'{file}' has no attention of {shape[0]} heads, {shape[1]} KV heads and width {shape[2]}")


def _columns(file: Path) -> set[str]:
    import duckdb

    with duckdb.connect() as base:
        try:
            found = base.execute("describe select * from read_parquet(?)", [str(file)]).fetchall()
        except duckdb.Error as error:
            raise ValueError(f"cannot read '{file}': {str(error).splitlines()[0]}") from error
    return {row[0] for row in found}


def experts(
    path: Path,
    model: Model,
    tensor: int,
    ranks: int,
    distributions: Sequence[str] = (DISTRIBUTION, "balanced"),
    scales: Scales = "tensor",
) -> Curve:
    """Return the seconds of a layer's experts by tokens, sliced over `tensor` devices and dealt to `ranks`.

    The first distribution of tokens that was measured counts. Raises `LackingError` if none was.
    """
    file = _table(path, "moe")
    where = "hidden_size = ? and inter_size = ? and topk = ? and num_experts = ? and moe_dtype = ? "
    where += "and moe_tp_size = ? and moe_ep_size = ? and distribution = ? group by num_tokens"
    dtype = precision(model.bytes, scales)
    shape = [model.hidden, model.intermediate, model.active, model.experts, dtype, tensor, ranks]
    for distribution in distributions:
        found = _query(file, "num_tokens, min(latency) * 1e-3", where, [*shape, distribution])
        if found:
            x, y = np.array(sorted((float(a), float(b)) for a, b in found)).T
            return Curve(np.ascontiguousarray(x), np.ascontiguousarray(y))
    raise LackingError(f"'{file}' has no experts of {model.name} on {tensor} devices and {ranks} ranks")


def all_reduce(path: Path, tensor: int) -> Curve:
    """Return the seconds of an all-reduce among `tensor` devices, by bytes; raise `LackingError` if none is there."""
    file = _table(path, "custom_allreduce")
    found = _query(file, "message_size * 2, latency * 1e-3, backend", "num_gpus = ?", [tensor])
    if not found:
        raise LackingError(f"'{file}' has no all-reduce of {tensor} devices")
    kinds = {row[2] for row in found}
    kind = next((kind for kind in GRAPH if kind in kinds), sorted(kinds)[0])
    x, y = np.array(sorted((float(a), float(b)) for a, b, c in found if c == kind)).T
    return Curve(np.ascontiguousarray(x), np.ascontiguousarray(y))


def exchange(path: Path, kind: str, devices: int) -> Curve:
    """Return the seconds of one collective of 16-bit values among `devices`, by bytes of its message.

    The message is the whole one, as NCCL's own tests count it: what each device ends with of an all-gather, what it
    begins with of the others. An all-reduce is the engine's. Raises `LackingError` if it was not measured.
    """
    if kind == "all-reduce":
        return all_reduce(path, devices)
    file = _table(path, "nccl")
    where = "op_name = ? and nccl_dtype = 'half' and num_gpus = ? group by message_size"
    found = _query(file, "message_size * 2, min(latency) * 1e-3", where, [COLLECTIVES.get(kind, kind), devices])
    if not found:
        raise LackingError(f"'{file}' has no {kind} of {devices} devices")
    x, y = np.array(sorted((float(a), float(b)) for a, b in found)).T
    return Curve(np.ascontiguousarray(x), np.ascontiguousarray(y))
