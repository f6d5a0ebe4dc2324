"""Which runs a comparison or a sweep consists of."""

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evenly.core import Document
from evenly.core.strict import load
from evenly.sweep.idle import without_idle
from evenly.sweep.inputs import code, inputs, rooted
from evenly.sweep.scenarios import scenario_of

MOST = 10_000  # points of an axis
LONGEST = 120  # bytes of the readable part of a folder's name


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: one variant at one point of the grid with one seed."""

    label: str
    "Variant, for instance `vllm-v1`."
    point: Mapping[str, Any]
    "Overrides of the sweep, by path."
    seed: int
    document: Document
    inputs: Mapping[str, str] = field(default_factory=dict)
    "Fingerprints of the files that the run reads, by path."

    @property
    def title(self) -> str:
        """Return what tells a cell from those of other variants and points, whatever the seed.

        >>> Cell("fast", {"trace.rate": 2.0}, 0, Document({})).title
        'fast trace.rate=2.0'
        """
        return _titled(self.label, self.point)

    @property
    def digest(self) -> str:
        """Return a fingerprint of everything that the run depends on: scenario, files it reads, code of evenly."""
        text = json.dumps([code(), self.document.raw, dict(self.inputs)], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def folder(self) -> str:
        """Return the name of the run's folder: readable, and unique by its digest."""
        words = "_".join(word for word in (self.title.replace(" ", "_"), f"seed={self.seed}") if word)
        readable = "".join(c if c.isalnum() or c in "-=._" else "-" for c in words)
        cut = readable.encode()[:LONGEST].decode(errors="ignore")
        return f"{cut.lstrip('.')}-{self.digest}"


def titles(cells: Sequence[Cell]) -> list[str]:
    """Return titles without what all plug-ins of one name on an axis have in common.

    >>> made = [Cell("", {"split": value}, 0, Document({})) for value in ({"use": "spark", "a": 1, "b": 2}, "runtime")]
    >>> titles(made)
    ['split=spark', 'split=runtime']
    """
    axes: dict[str, list[Any]] = {}
    for cell in cells:
        for path, value in cell.point.items():
            axes.setdefault(path, []).append(value)
    short = [
        _titled(cell.label, {path: _apart(value, axes[path]) for path, value in cell.point.items()}) for cell in cells
    ]
    full = [cell.title for cell in cells]
    return short if len(set(short)) == len(set(full)) else full


def _titled(label: str, point: Mapping[str, Any]) -> str:
    return " ".join([label, *(f"{path}={_short(value)}" for path, value in point.items())]).strip()


def _apart(value: Any, values: Sequence[Any]) -> Any:
    """Return a value without the knobs that all of `values` of its name have too, what they hold likewise."""
    if not isinstance(value, Mapping):
        return value
    kind = value.get("use")
    named = [{"use": other} if isinstance(other, str) else other for other in values]
    alike = [other for other in named if isinstance(other, Mapping) and other.get("use") == kind]
    return {
        key: _apart(inner, [other[key] for other in alike if key in other])
        for key, inner in value.items()
        if key == "use" or any(key not in other or other[key] != inner for other in alike)
    } or value


def cells(document: Document, seeds: int = 1, over: Mapping[str, Iterable[Any]] | None = None) -> list[Cell]:
    """Return every run of a document: variants x grid points x seeds, counted from the seed of each variant.

    Raises `ValueError` that lists every mistake of every variant.
    """
    axes = {path: list(values) for path, values in (over or {}).items()}
    _check_axes(document, axes)
    made: list[Cell] = []
    mistakes: dict[str, None] = {}
    for label, point, variant in without_idle(document, list(_points(document, axes))):
        try:
            scenario = scenario_of(variant)
        except ValueError as error:
            mistakes |= dict.fromkeys(str(error).splitlines())
            continue
        raw = {**rooted(dict(variant.raw), scenario), "name": label}
        read = inputs(scenario)
        made.extend(
            Cell(label, point, seed, Document({**raw, "seed": seed}, document.source), read)
            for seed in range(scenario.seed, scenario.seed + seeds)
        )
    if mistakes:
        raise ValueError("\n".join(mistakes))
    return made


def axis(text: str) -> tuple[str, list[Any]]:
    """Read one axis of a grid: `path=a,b,c` or `path=from:to:count` (evenly spaced, both ends included).

    >>> axis("trace.rate=1:2:3")
    ('trace.rate', [1, 1.5, 2])
    >>> axis("route=round-robin,{use: power-of-d, d: 3}")
    ('route', ['round-robin', {'use': 'power-of-d', 'd': 3}])
    """
    path, sign, values = text.partition("=")
    if not sign or not path or not values.strip():
        raise ValueError(f"write an axis as path=a,b,c or path=from:to:count, not '{text}'")
    parts = values.split(":")
    if len(parts) == 3 and not set("{[,") & set(values):
        return path, _spaced(parts, text)
    listed, _ = load(f"[{values}]", f"--over {text}")
    if any(value is None for value in listed):
        raise ValueError(f"an axis has a value between commas, in '{text}'")
    return path, list(listed)


def grid(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read all axes; raise `ValueError` if one path stands in two."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        path, values = axis(text)
        if path in found:
            raise ValueError(f"two axes over '{path}'; write one: {path}=a,b,c")
        found[path] = values
    return found


def _points(document: Document, axes: Mapping[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any], Document]]:
    for label, variant in document.variants().items():
        for values in itertools.product(*axes.values()):
            point = dict(zip(axes, values, strict=True))
            changed = variant
            for path, value in point.items():
                changed = changed.replace(path, value, f"--over {path}={_short(value)}")
            yield label, point, changed


def _check_axes(document: Document, axes: Mapping[str, list[Any]]) -> None:
    for path, values in axes.items():
        if len({json.dumps(value) for value in values}) < len(values):
            raise ValueError(f"a value stands twice on the axis over '{path}': {', '.join(map(_short, values))}")
        for label, change in dict(document.raw.get("compare") or {}).items():
            if isinstance(change, Mapping) and any(key == path or key.startswith(f"{path}.") for key in change):
                raise ValueError(
                    f"{document.place(('compare', label, path))}: variant '{label}' sets '{path}', which the sweep "
                    "would overwrite; sweep something else, or take it out of compare"
                )


def _spaced(parts: Sequence[str], text: str) -> list[Any]:
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise ValueError(f"'{':'.join(parts)}' in '{text}' is not from:to:count, for instance 1:10:4") from None
    if not 1 <= count <= MOST or not math.isfinite(high - low):
        raise ValueError(f"an axis has finite ends and 1 to {MOST:,} points, not {':'.join(parts)}, in '{text}'")
    steps = [low + (high - low) * k / max(1, count - 1) for k in range(count)]
    return [int(step) if step == int(step) else step for step in (float(f"{step:.12g}") for step in steps)]


def _short(value: Any) -> str:
    """Return a value as it stands in a title."""
    if isinstance(value, Mapping):
        return ",".join(str(inner) if key == "use" else f"{key}:{_short(inner)}" for key, inner in value.items())
    return str(value)
