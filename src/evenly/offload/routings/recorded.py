"""Recorded."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import FilePath, Floats, Ints
from evenly.kernel.offload.asked import Asked
from evenly.offload.routings import Shape
from evenly.offload.routings._logits import chosen, softmax


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a real model asked for, token by token.

    An `.npz` file holds `scores`, the probabilities of the router, shape [token, layer, expert], and may hold `guess`,
    those that earlier layers predicted. A `.parquet` file has a row for each token, layer and expert that was visited,
    columns token, layer, expert, and may have score; what it does not list has score 0. Without predictions nothing is
    known of layers to come, unless an `error` says how far off they are.
    """

    path: FilePath
    "Of the recording."
    error: float | None = None
    "Standard deviation of the error of logits that earlier layers predict, where none were recorded."

    def __post_init__(self) -> None:
        if self.error is not None and not 0.0 <= self.error < 1e6:
            raise ValueError(f"error is a standard deviation, at least 0, not {self.error}")

    def draw(self, shape: Shape, tokens: Ints, seed: int) -> Asked:
        """Return the first passes of the recording; raise `ValueError` if it is too short or of another shape."""
        scores, guess = self._read(shape)
        if scores.shape[1:] != (shape.layers, shape.experts):
            raise ValueError(
                f"'{self.path}' records {scores.shape[1]} layers of {scores.shape[2]} experts, the model has "
                f"{shape.layers} of {shape.experts}"
            )
        if tokens.sum() > len(scores):
            raise ValueError(f"'{self.path}' records {len(scores)} tokens, {tokens.sum()} are asked for")
        if guess is None and self.error is not None:
            noise = self.error * np.random.default_rng([seed, 21]).standard_normal(scores.shape)
            guess = softmax(np.log(np.maximum(scores, 1e-9)) + noise)
        visited = chosen(scores, shape.active)
        guessed = np.zeros_like(visited) if guess is None else chosen(guess, shape.active)
        guess = np.zeros_like(scores) if guess is None else guess
        ends = np.concatenate([[0], np.cumsum(tokens)])[:-1]
        used = int(tokens.sum())
        means = [np.add.reduceat(part[:used], ends) / tokens[:, None, None] for part in (scores, guess)]
        counts = [np.add.reduceat(part[:used], ends) for part in (visited, guessed)]
        return Asked(counts[0], means[0], counts[1], means[1])

    def _read(self, shape: Shape) -> tuple[Floats, Floats | None]:
        if not Path(self.path).is_file():
            raise ValueError(f"no file '{self.path}' with a recorded routing")
        if self.path.endswith(".parquet"):
            return self._table(shape), None
        try:
            with np.load(self.path, allow_pickle=False) as found:
                scores = np.asarray(found["scores"], np.float64)
                guess = np.asarray(found["guess"], np.float64) if "guess" in found else None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"'{self.path}' is no .npz file with an array 'scores': {error}") from None
        if scores.ndim != 3 or (guess is not None and guess.shape != scores.shape):
            raise ValueError(f"'{self.path}': scores and guess have shape [token, layer, expert], not {scores.shape}")
        if not np.isfinite(scores).all() or (guess is not None and not np.isfinite(guess).all()):
            raise ValueError(f"'{self.path}': a score is not a finite number")
        return scores, guess

    def _table(self, shape: Shape) -> Floats:
        import duckdb

        try:
            relation = duckdb.read_parquet(self.path)
            score = "score" if "score" in relation.columns else "1.0"
            found: Any = relation.project(f"token, layer, expert, {score} as score").fetchnumpy()
        except duckdb.Error as error:
            raise ValueError(f"'{self.path}' has no columns token, layer and expert: {error}") from None
        rows = [np.asarray(found[name], np.int64) for name in ("token", "layer", "expert")]
        sizes = (int(rows[0].max(initial=-1)) + 1, shape.layers, shape.experts)
        for name, column, size in zip(("token", "layer", "expert"), rows, sizes, strict=True):
            if column.min(initial=0) < 0 or column.max(initial=0) >= size:
                raise ValueError(f"'{self.path}': {name} is 0 to {size - 1}, not {column.min()} to {column.max()}")
        scores = np.zeros(sizes)
        scores[rows[0], rows[1], rows[2]] = np.asarray(found["score"], np.float64)
        return scores
