"""Tell published profiles apart and read them."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from evenly.hardware.collectives import all_reduce, reduce_source
from evenly.hardware.device import Device
from evenly.hardware.model import Model, models
from evenly.hardware.model import model as model_named
from evenly.hardware.profiles import aiconfigurator, llmservingsim, vidur
from evenly.hardware.profiles.measured import Curve, Measured, total
from evenly.hardware.profiles.rows import find, stamp


def load(
    path: str, model: Model, device: Device, tensor: int, ranks: int, attention: str | None, network: str | None
) -> Measured:
    """Return the profile under `path`; raise `ValueError` that says what was found if there is none."""
    folder = Path(path)
    if not folder.exists():
        raise ValueError(f"no profile at '{path}'")
    found = _root(folder)
    if not _recognised(found) and (known := _by_devices(found)):
        if tensor not in known:
            listed = ", ".join(map(str, known))
            raise ValueError(f"'{folder}' was not profiled for tensor {tensor}; known: {listed}")
        found /= f"tp{tensor}"
    if other := _other(found, model):
        raise ValueError(f"'{folder}' is a profile of {other}, not of {model.name}")
    return _load(found, stamp(found), model, device, tensor, ranks, attention, network)


def _recognised(folder: Path) -> bool:
    return any(form.recognises(folder) for form in (llmservingsim, vidur, aiconfigurator))


def _root(path: Path) -> Path:
    """Return the folder of the profile that `path` is, stands in, or holds as its only one."""
    around = [path, path.parent, path.parent.parent]
    inside = [item.parent for item in path.glob("*/meta.yaml")] if path.is_dir() else []
    for place in [*around, *(inside if len(inside) == 1 else [])]:
        if llmservingsim.recognises(place):
            return place
    return path


def _by_devices(folder: Path) -> list[int]:
    """Return the numbers of devices for which there is a folder of tables each."""
    names = [item.name[2:] for item in folder.glob("tp*") if vidur.recognises(item)]
    return sorted(int(name) for name in names if name.isdigit())


def _other(folder: Path, model: Model) -> str:
    """Return the model of another shape that a profile is of; empty if it is of this shape, or tells none.

    LLMServingSim says it in `meta.yaml`, and before 1.0 by the name of its folder alone.
    """
    told = [llmservingsim.profiled(folder)] if llmservingsim.recognises(folder) else []
    if find(folder, "layers"):
        told = [folder.resolve().parent.name, folder.resolve().name]
    known = [name for part in told if (name := part.rpartition("/")[2].lower()) in models()]
    return known[-1] if known and _shape(model_named(known[-1])) != _shape(model) else ""


def _shape(of: Model) -> tuple[int, ...]:
    return of.hidden, of.heads, of.kv_heads, of.head_dim, of.intermediate, of.experts


@lru_cache(maxsize=32)  # a sweep asks for the same profile again and again
def _load(
    folder: Path,
    _: int,
    model: Model,
    device: Device,
    tensor: int,
    ranks: int,
    attention: str | None,
    network: str | None,
) -> Measured:
    if llmservingsim.recognises(folder):
        return llmservingsim.read(folder, model, tensor, ranks)
    if vidur.recognises(folder):
        return vidur.read(folder, model, tensor, attention, network)
    if aiconfigurator.recognises(folder):
        return aiconfigurator.read(folder, model, device, tensor, ranks)
    found = ", ".join(sorted(item.name for item in folder.iterdir())[:8]) if folder.is_dir() else "a file"
    raise ValueError(
        f"'{folder}' is no profile of LLMServingSim, Vidur or AIConfigurator; it holds: {found or 'nothing'}"
    )


def describe(path: str) -> dict[str, str]:
    """Return what a profile says of itself, for the facts of an outcome."""
    folder = _root(Path(path))
    if llmservingsim.recognises(folder):
        return llmservingsim.describe(folder)
    if vidur.recognises(folder):
        return vidur.describe(folder)
    return aiconfigurator.describe(folder) if aiconfigurator.recognises(folder) else {}


def with_reduce(measured: Measured, model: Model, device: Device, tensor: int) -> tuple[Curve, str]:
    """Return the seconds of a layer with its two all-reduces, by tokens, and where those come from."""
    if tensor == 1:
        return measured.layer, "none"
    curve = measured.reduce or all_reduce(device, tensor)
    points = np.unique(np.concatenate([curve.x / (model.hidden * 2.0), measured.layer.x]))
    points = points[points >= 1.0]
    sums = Curve(points, np.array([2.0 * curve(at * model.hidden * 2.0) for at in points]))
    return total([measured.layer, sums]), "profile" if measured.reduce else reduce_source(device, tensor)
