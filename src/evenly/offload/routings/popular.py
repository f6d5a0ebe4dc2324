"""Popular."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import FilePath, Floats, Ints
from evenly.kernel.offload.asked import Asked
from evenly.offload.routings import Shape
from evenly.offload.routings._logits import asked, chosen, wandering

ROUNDS = 20  # of the fit; shares are then right within a tenth of themselves
SAMPLE = 1000  # tokens of a round
LEAST = 1e-4  # share of the tokens below which nobody is taken for more popular than another


@dataclass(frozen=True, slots=True)
class Popular:
    """As autoregressive, with experts as popular as somebody counted in a real model.

    The file is parquet or CSV with the columns layer, expert and count; those of OLMoE and Mixtral have model, domain
    and choice as well. Layers between those counted take the counts of the nearest.

    Reference: Muennighoff et al., "OLMoE: Open Mixture-of-Experts Language Models", 2024.
    """

    path: FilePath
    "Of the counts."
    domain: str = ""
    "Rows of this domain alone; all together if empty."
    model: str = ""
    "Rows of this model alone; needed where the file has several."
    persistence: float = 0.45
    "Correlation of an expert's logit from one token to the next."
    error: float = 2.0
    "Standard deviation of the error of logits that earlier layers predict."

    def __post_init__(self) -> None:
        if not 0.0 <= self.persistence < 1.0:
            raise ValueError(f"persistence is at least 0 and below 1, not {self.persistence}")
        if not 0.0 <= self.error < 1e6:
            raise ValueError(f"error is a standard deviation, at least 0, not {self.error}")

    def draw(self, shape: Shape, tokens: Ints, seed: int) -> Asked:
        """Return passes of one long text; raise `ValueError` that names the file if it has no such counts."""
        shares = self.shares(shape)
        counted = np.unique(shares, axis=0, return_inverse=True)
        bias = fitted(counted[0], shape.active)[counted[1].reshape(-1)]
        logits = wandering(shape, bias, self.persistence, np.random.default_rng([seed, 19]))
        return asked(logits, shape, tokens, self.error, np.random.default_rng([seed, 20]))

    def shares(self, shape: Shape) -> Floats:
        """Return the share of the tokens that visit each expert, shape [layer, expert]."""
        table = self._counts()
        layers = sorted({layer for layer, _ in table})
        most = max(expert for _, expert in table) + 1
        if most != shape.experts:
            raise ValueError(f"'{self.path}' counts {most} experts a layer, not {shape.experts}")
        found = np.zeros((shape.layers, shape.experts))
        for layer in range(shape.layers):
            near = min(layers, key=lambda known: abs(known - layer))
            found[layer] = [table.get((near, expert), 0.0) for expert in range(shape.experts)]
        return np.asarray(shape.active * found / found.sum(axis=1, keepdims=True))

    def _counts(self) -> dict[tuple[int, int], float]:
        import duckdb

        if not Path(self.path).is_file():
            raise ValueError(f"no file '{self.path}' with counts of experts")
        filters = {"domain": self.domain, "model": self.model, "choice": "topk"}
        try:
            relation = duckdb.read_csv(self.path) if self.path.endswith(".csv") else duckdb.read_parquet(self.path)
            known = {name: value for name, value in filters.items() if value and name in relation.columns}
            where = " and ".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in known.items())
            rows: list[Any] = (
                (relation.filter(where) if where else relation).aggregate("layer, expert, sum(count)").fetchall()
            )
        except duckdb.Error as error:
            raise ValueError(f"'{self.path}' has no counts by layer and expert: {error}") from None
        if not rows:
            raise ValueError(f"'{self.path}' has no rows where {where}")
        return {(int(layer), int(expert)): float(count) for layer, expert, count in rows}


def fitted(shares: Floats, active: int) -> Floats:
    """Return the biases with which logits of unit variance visit experts as often as `shares` says."""
    wanted = np.log(np.clip(shares, LEAST, 1.0 - LEAST) / (1.0 - np.clip(shares, LEAST, 1.0 - LEAST)))
    noise = np.random.default_rng(0).standard_normal((SAMPLE, *shares.shape))
    bias = 0.5 * (wanted - wanted.mean(axis=1, keepdims=True))
    for _ in range(ROUNDS):
        seen = np.clip(chosen(bias + noise, active).mean(axis=0), LEAST, 1.0 - LEAST)
        bias += 0.4 * (wanted - np.log(seen / (1.0 - seen)))
    return np.asarray(bias - bias.mean(axis=1, keepdims=True))
