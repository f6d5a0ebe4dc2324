"""Passes of all shapes, and every cost model ready to be asked."""

from typing import Any

import numpy as np

from evenly.core import Floats
from evenly.hardware.costs import Cost
from evenly.hardware.costs.layer_table import LayerTable
from evenly.hardware.costs.linear import Linear
from evenly.hardware.costs.nanoflow import Nanoflow
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.model import model

SETTINGS: dict[str, tuple[Cost, str, str, int]] = {
    "linear": (Linear(), "llama-3-8b", "a100-80gb", 1),
    "layer-table": (LayerTable(), "llama-2-70b", "a100-80gb", 4),
    "layer-table, one device": (LayerTable(), "llama-3-8b", "a100-80gb", 1),
    "nanoflow": (Nanoflow(interference="none"), "llama-2-70b", "a100-80gb", 8),
    "nanoflow, unsplit": (Nanoflow(overlap="none"), "llama-3-8b", "a100-80gb", 1),
    "roofline": (Roofline(), "llama-3.1-8b", "h100", 1),
    "roofline, experts": (Roofline(), "mixtral-8x7b", "h100", 2),
    "roofline, latent attention": (Roofline(), "deepseek-v3", "h200", 8),
}


def tables(name: str) -> Floats:
    """Return the tables of a setting."""
    cost, of, on, tensor = SETTINGS[name]
    return cost.tables(model(of), device(on), tensor)


def call(
    cost: Any, numbers: Floats, chunk: list[int], before: list[int], contexts: list[int]
) -> tuple[float, float, float]:
    """Ask for a pass of some prompts and of decodes with these contexts."""
    first, growth, passes = cost.seconds(
        np.array(chunk, np.int64),
        np.array(before, np.int64),
        len(contexts),
        float(sum(contexts)),
        max(contexts, default=0),
        numbers,
    )
    return float(first), float(growth), float(passes)
