"""Counted."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import FilePath, Floats
from evenly.train.experts.affinities import Shape
from evenly.train.experts.affinities._law import router, scores

ROUNDS = 60  # of the fit; shares are then right within some hundredths of themselves
SAMPLE = 4096  # tokens that the fit looks at
LEAST = 1e-4  # share of the tokens below which nobody is taken for more popular than another


@dataclass(frozen=True, slots=True)
class Counted:
    """As gaussian, with experts as popular as somebody counted in a real model.

    The file is parquet or CSV with the columns layer, expert and count; those of OLMoE and Mixtral have model, domain
    and choice as well. Counted layers are taken in their order, and from the beginning again.

    Reference: Muennighoff et al., "OLMoE: Open Mixture-of-Experts Language Models", 2024.
    """

    path: FilePath
    "Of the counts."
    domain: str = ""
    "Rows of this domain alone; all together if empty."
    model: str = ""
    "Rows of this model alone; needed where the file has several."
    inputs: int = 16
    "Features of a token."

    def __post_init__(self) -> None:
        if not 1 <= self.inputs <= 4096:
            raise ValueError(f"inputs is 1 to 4096 features, not {self.inputs}")

    def draw(self, shape: Shape, layer: int, step: int, seed: int) -> Floats:
        """Return the scores of fresh tokens; raise `ValueError` that names the file if it has no such counts."""
        counts = self.counts(shape.experts)
        shares = counts[layer % len(counts)]
        offsets = _fitted(shares.tobytes(), shape.active, self.inputs, layer, seed)
        return scores(shape, router(shape.experts, self.inputs, layer, seed)[0], offsets, layer, step, seed)

    def counts(self, experts: int) -> Floats:
        """Return the share of the choices that each expert got, shape [counted layer, expert]."""
        return _read(self.path, self.domain, self.model, experts)


@lru_cache(maxsize=8)
def _read(path: str, domain: str, model: str, experts: int) -> Floats:
    import duckdb

    if not Path(path).is_file():
        raise ValueError(f"no file '{path}' with counts of experts")
    filters = {"domain": domain, "model": model, "choice": "topk"}
    try:
        relation = duckdb.read_csv(path) if path.endswith(".csv") else duckdb.read_parquet(path)
        known = {name: value for name, value in filters.items() if value and name in relation.columns}
        where = " and ".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in known.items())
        chosen = relation.filter(where) if where else relation
        rows: list[Any] = chosen.aggregate("layer, expert, sum(count)").fetchall()
    except duckdb.Error as error:
        raise ValueError(f"'{path}' has no counts by layer and expert: {error}") from None
    if not rows:
        raise ValueError(f"'{path}' has no rows where {where}")
    if max(int(expert) for _, expert, _ in rows) + 1 != experts:
        raise ValueError(f"'{path}' counts {max(int(e) for _, e, _ in rows) + 1} experts a layer, not {experts}")
    layers = sorted({int(layer) for layer, _, _ in rows})
    table = np.zeros((len(layers), experts))
    for layer, expert, count in rows:
        table[layers.index(int(layer)), int(expert)] = float(count)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


@lru_cache(maxsize=64)
def _fitted(shares: bytes, active: int, inputs: int, layer: int, seed: int) -> Floats:
    """Return the offsets with which tokens choose experts as often as `shares` says."""
    from evenly.train.experts.routing import routed

    wanted = np.frombuffer(shares)
    experts = len(wanted)
    odds = _log_odds(np.clip(active * wanted, LEAST, 1.0 - LEAST))
    shape = Shape(1, SAMPLE, experts, active)
    weights = router(experts, inputs, layer, seed)[0]
    offsets = 0.5 * (odds - odds.mean())
    for _ in range(ROUNDS):
        found = scores(shape, weights, offsets, layer, -1 % 2**32, seed)
        seen = routed(found, np.zeros(experts), active)[0] / SAMPLE
        offsets = offsets + 0.4 * (odds - _log_odds(np.clip(seen, LEAST, 1.0 - LEAST)))
    return np.asarray(offsets - offsets.mean())


def _log_odds(share: Floats) -> Floats:
    return np.asarray(np.log(share / (1.0 - share)))
