"""Assemble a profile of a model from kernels that were measured one by one."""

from collections.abc import Callable

import numpy as np

from evenly.core import Array, Floats
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.measured import Curve, Grid, rising, total

TOKENS = np.array([1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192], np.float64)
PROMPTS = np.array([0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192], np.float64)
HELD = np.array([0, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768], np.float64)
DECODES = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256], np.float64)
CONTEXTS = np.array([0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768], np.float64)
SHARE = 0.8  # of the memory bandwidth that element-wise kernels reach, AIConfigurator's own figure
START = 3e-6  # seconds that every element-wise kernel takes at least, likewise


def products(model: Model, tensor: int) -> list[tuple[int, int]]:
    """Return outputs and inputs of a layer's matrix products on one of `tensor` devices, experts left out.

    >>> from evenly.hardware.model import model
    >>> products(model("llama-3-8b"), 2)
    [(3072, 4096), (4096, 2048), (14336, 4096), (4096, 7168)]
    """
    kv = -(-model.kv_heads // tensor)
    qkv = (model.heads // tensor + 2 * kv) * model.head_dim
    found = [(qkv, model.hidden), (model.hidden, model.heads // tensor * model.head_dim)]
    if not model.experts:
        wide = model.intermediate // tensor
        found += [((model.matrices - 1) * wide, model.hidden), (model.hidden, wide)]
    return found


def elementwise(model: Model, device: Device, tensor: int) -> Curve:
    """Return the seconds of norms, rotation and activation in a layer, by tokens, from memory traffic."""
    return total([norms(model, device, tensor), activation(model, device, tensor)])


def norms(model: Model, device: Device, tensor: int) -> Curve:
    """Return the seconds of two norms and the rotation of a layer, by tokens.

    The norms read and write the hidden state and the residual, the rotation reads and writes queries and keys.
    """
    turned = (model.heads + model.kv_heads) / tensor * model.head_dim
    values = 2 * 4.0 * model.hidden + 2.0 * turned
    return Curve(TOKENS, 3 * START + TOKENS * values * 2 / (device.bandwidth * SHARE))


def activation(model: Model, device: Device, tensor: int) -> Curve:
    """Return the seconds of the activation of a layer: it reads the network's width and writes half of it.

    Of experts it stands in their own kernel, and only its start counts here.
    """
    values = (model.matrices * model.intermediate / tensor) if not model.experts else 0.0
    return Curve(TOKENS, START + TOKENS * values * 2 / (device.bandwidth * SHARE))


def additive(prefill: Callable[[float, float], float], decode: Callable[[float, float], float]) -> Grid:
    """Return attention as the sum of `prefill(prompt, held)` and `decode(batch, context)`.

    That is how it is measured outside of LLMServingSim: the two kinds of work in separate kernels.
    """
    prompts = np.array([[prefill(c, h) if c else 0.0 for h in HELD] for c in PROMPTS])
    decodes = np.array([[decode(n, max(d, CONTEXTS[1])) if n else 0.0 for d in CONTEXTS] for n in DECODES])
    values: Array = rising(prompts)[:, :, None, None] + rising(decodes)[None, None]
    return Grid((PROMPTS, HELD, DECODES, CONTEXTS), values)


def alike(prompt: float, held: float) -> float:
    """Return the length of a fresh prompt with as many pairs of tokens.

    >>> alike(8.0, 0.0), alike(8.0, 5.0)
    (8.0, 12.0)
    """
    return float((prompt * (prompt + 2.0 * held)) ** 0.5)


def plane(x: Floats, y: Floats, values: Array) -> Callable[[float, float], float]:
    """Return the bilinear function through `values[x, y]`; linear beyond the last points, flat before the first.

    >>> plane(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([[0.0, 2.0], [1.0, 3.0]]))(0.5, 4.0)
    4.5
    """

    def at(points: Floats, value: float) -> tuple[int, float]:
        if len(points) == 1 or value <= points[0]:
            return 0, 0.0
        low = min(int(np.searchsorted(points, value)) - 1, len(points) - 2)
        return low, float((value - points[low]) / (points[low + 1] - points[low]))

    def look(a: float, b: float) -> float:
        (i, u), (j, v) = at(x, a), at(y, b)
        k, m = min(i + 1, len(x) - 1), min(j + 1, len(y) - 1)
        low = values[i, j] + v * (values[i, m] - values[i, j])
        high = values[k, j] + v * (values[k, m] - values[k, j])
        return float(low + u * (high - low))

    return look


def regular(points: list[tuple[float, float, float]], where: str) -> Callable[[float, float], float]:
    """Return the bilinear function through scattered points of a table with holes.

    Each line of the first variable is brought to the union of the second variable's points. Raises `ValueError`
    naming `where` if there are no points.
    """
    if not points:
        raise ValueError(f"{where} has no rows")
    lines: dict[float, dict[float, float]] = {}
    for x, y, value in points:
        lines.setdefault(x, {})[y] = value
    firsts = np.array(sorted(lines))
    seconds = np.array(sorted({y for line in lines.values() for y in line}))
    values = np.empty((len(firsts), len(seconds)))
    for i, x in enumerate(firsts):
        own = np.array(sorted(lines[x]))
        curve = Curve(own, np.array([lines[x][y] for y in own]))
        values[i] = [curve(y) for y in seconds]
    return plane(firsts, seconds, values)
