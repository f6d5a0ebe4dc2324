"""Which runs a comparison or a sweep consists of."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import evenly
from evenly.core import Document
from evenly.sweep.scenarios import scenario_of


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: one variant at one point of the grid with one seed."""

    label: str
    "Variant, for instance `vllm-v1`."
    point: Mapping[str, Any]
    "Overrides of the sweep, by path."
    seed: int
    document: Document

    @property
    def digest(self) -> str:
        """Return a fingerprint of everything that the run depends on, the version of evenly included."""
        text = json.dumps([evenly.__version__, self.document.raw], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def folder(self) -> str:
        """Return the name of the run's folder: readable, and unique by its digest."""
        words = [self.label, *(f"{path}={value}" for path, value in self.point.items()), f"seed={self.seed}"]
        readable = "".join(c if c.isalnum() or c in "-=._" else "-" for c in "_".join(word for word in words if word))
        return f"{readable[:80].lstrip('.')}-{self.digest}"


def cells(
    document: Document, seeds: Iterable[int] | None = None, over: Mapping[str, Iterable[Any]] | None = None
) -> list[Cell]:
    """Return every run of a document: variants x grid points x seeds, each checked.

    Raises `ValueError` that lists the mistakes of the first variant that has any.
    """
    axes = {path: list(values) for path, values in (over or {}).items()}
    made = []
    for label, variant in document.variants().items():
        for values in itertools.product(*axes.values()):
            point = dict(zip(axes, values, strict=True))
            changed = variant
            for path, value in point.items():
                changed = changed.replace(path, value)
            first = int(changed.raw.get("seed", 0)) if isinstance(changed.raw.get("seed", 0), int) else 0
            for seed in seeds if seeds is not None else [first]:
                made.append(Cell(label, point, seed, changed.replace("seed", seed).replace("name", label)))
    for cell in made:
        scenario_of(cell.document)
    return made


def axis(text: str) -> tuple[str, list[Any]]:
    """Read one axis of a grid: `path=a,b,c` or `path=from:to:count` (evenly spaced, both ends included).

    >>> axis("trace.rate=1:3:3")
    ('trace.rate', [1.0, 2.0, 3.0])
    >>> axis("route=round-robin,least-work")
    ('route', ['round-robin', 'least-work'])
    """
    import numpy as np
    import yaml

    path, sign, values = text.partition("=")
    if not sign or not path or not values:
        raise ValueError(f"write an axis as path=a,b,c or path=from:to:count, not '{text}'")
    parts = values.split(":")
    if len(parts) == 3:
        try:
            low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
        except ValueError:
            raise ValueError(f"'{values}' in '{text}' is not from:to:count, for instance 1:10:4") from None
        if count < 1:
            raise ValueError(f"an axis has at least one point, not {count}, in '{text}'")
        return path, [float(v) for v in np.linspace(low, high, count)]
    return path, [yaml.safe_load(part) for part in values.split(",")]
