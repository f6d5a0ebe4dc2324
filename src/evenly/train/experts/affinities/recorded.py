"""Recorded."""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from evenly.core import FilePath, Floats
from evenly.train.experts.affinities import Shape


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a real router scored: an `.npz` file with an array `scores` of shape [token, layer, expert], 0 to 1.

    Steps take the tokens in their order and begin again at the end of the recording.
    """

    path: FilePath
    "Of the recording."

    def draw(self, shape: Shape, layer: int, step: int, seed: int) -> Floats:
        """Return the scores of the next tokens; raise `ValueError` if the recording is short or of another shape."""
        found = _read(self.path, Path(self.path).stat().st_mtime_ns if Path(self.path).is_file() else 0)
        if found.shape[1] < shape.layers or found.shape[2] != shape.experts:
            raise ValueError(
                f"'{self.path}' records {found.shape[1]} layers of {found.shape[2]} experts, "
                f"{shape.layers} of {shape.experts} are asked for"
            )
        if len(found) < shape.tokens:
            raise ValueError(f"'{self.path}' records {len(found)} tokens, a step has {shape.tokens}")
        batches = len(found) // shape.tokens
        first = step % batches * shape.tokens
        return np.ascontiguousarray(found[first : first + shape.tokens, layer])


@lru_cache(maxsize=2)
def _read(path: str, changed: int) -> Floats:
    if not Path(path).is_file():
        raise ValueError(f"no file '{path}' with recorded scores")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = np.asarray(file["scores"], np.float64)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"'{path}' is no .npz file with an array 'scores': {error}") from None
    if found.ndim != 3:
        raise ValueError(f"'{path}': scores has shape [token, layer, expert], not {found.shape}")
    if not ((found >= 0.0) & (found <= 1.0)).all():
        raise ValueError(f"'{path}': a score is not a number from 0 to 1")
    return found
