"""The engine of a calibration, as entries of a scenario."""

from pathlib import Path
from typing import Any

from evenly.hardware.calibration.engine import read
from evenly.hardware.model import model


def settings(path: Path) -> dict[str, Any]:
    """Return the entries of a serving scenario that stand for a calibrated engine, by name.

    The cost model, and as far as the file knows them the limits of the engine, its KV cache, its longest sequence and
    its model. Raises `ValueError` for a file that is no calibration.
    """
    place = path.resolve()
    found = read(str(place))
    entries: dict[str, Any] = {"cost": {"use": "calibrated", "path": str(place)}}
    if found.limits is not None:
        limits = found.limits
        entries["engine"] = {
            "use": "vllm-v1",
            "max_num_batched_tokens": max(limits.max_num_batched_tokens, limits.max_num_seqs),
            "max_num_seqs": limits.max_num_seqs,
            "enable_prefix_caching": limits.enable_prefix_caching,
            "block_size": limits.block,
        }
        entries["kv_tokens"] = limits.blocks * limits.block
        entries["max_model_len"] = limits.max_model_len
    if name := _model(found.model):
        entries["model"] = name
    return entries


def _model(name: str) -> str:
    """Return the name of a model that can be read: embedded, or a config.json, or a folder with one; else nothing."""
    folder = Path(name) / "config.json"
    for candidate in (name, str(folder)):
        try:
            model(candidate)
        except ValueError:
            continue
        return candidate
    return ""
