"""An overlap scenario: one batch on the layers of a model, and how its operations share the device."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from evenly.core import Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.hardware.overlap.graph import CHUNK, graph, whole
from evenly.hardware.overlap.interference import TABLES
from evenly.hardware.overlap.profile import RESOURCES, Profile, profile
from evenly.hardware.overlap.schedule import Schedule
from evenly.hardware.overlap.search import MOVES, fitted, one
from evenly.hardware.overlap.timeline import load, rows, utilisation

MOST_MOVES = 10_000_000  # some half a minute of a restart

METRICS = (
    Metric("throughput", "Tokens per device", "tokens/s", "higher", "Prompt and output tokens a second and device."),
    Metric("period", "Period of a layer", "s", "lower", "Time of all layers over their number."),
    Metric("optimum_share", "Of the optimum", "share", "higher", "Throughput over that of matrix products alone."),
    Metric("gain", "Gain over one at a time", "x", "higher", "Work of all operations of a layer over its period."),
    *(
        Metric(f"{name}_busy", f"{name.capitalize()} in use", "share", "higher", f"Work of the {name} over the time.")
        for name in RESOURCES
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapScenario(Scenario):
    """Run one batch through all layers, its operations one at a time or side by side."""

    kind: ClassVar[str] = "overlap"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {"overlap": ("unsplit", "none", "network", "all")}

    model: str = "llama-2-70b"
    "Name of a model whose operations were measured."
    device: str = "a100-80gb"
    "Name of an accelerator."
    tensor: int = 8
    "Devices that share each layer."
    batch: int | None = None
    "Tokens of the batch; by default that of the publication."
    decode: int | None = None
    "Tokens of the batch that decode; by default the share of the publication."
    context: int = 1024
    "Tokens of context of each decode."
    overlap: Literal["all", "network", "none", "unsplit"] = "all"
    "What runs beside matrix products: all, the network alone, nothing, or nothing and the batch in one piece."
    interference: Literal["paper", "earlier", "none"] = "paper"
    "Table of the speed of an operation by its share of the device; none: as if each had a device of its own."
    restarts: int = 6
    "Searches from different seeds, of which the best counts."
    moves: int = MOVES
    "Changes that each search tries in each of its stages."

    def check(self) -> "OverlapScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        model(self.model), device(self.device)
        measured = profile(self.model, self.device, self.tensor)
        batch, decode = self._batch(measured)
        if batch < 2 * CHUNK:
            raise ValueError(f"batch is at least {2 * CHUNK} tokens, two ranges of {CHUNK}, not {batch}")
        if not 0 <= decode <= batch:
            raise ValueError(f"decode is 0 to {batch}, the tokens of the batch, not {decode}")
        if self.context < 1:
            raise ValueError(f"context is at least 1 token, not {self.context}")
        if self.restarts < 1 or not 1 <= self.moves <= MOST_MOVES:
            raise ValueError(f"restarts is at least 1, moves 1 to {MOST_MOVES:,}, not {self.restarts} and {self.moves}")
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Search and return period, throughput, utilisation, and every nano-operation of every layer."""
        self.check()
        measured = profile(self.model, self.device, self.tensor)
        schedule = self.schedule()
        batch, decode = self._batch(measured)
        rate = batch / (schedule.period * schedule.layers * self.tensor)
        busy = utilisation(schedule)
        metrics = {
            "throughput": rate,
            "period": schedule.period,
            "optimum_share": rate / measured.optimum,
            "gain": schedule.graph.sequential / schedule.period,
            **{f"{name}_busy": float(share) for name, share in zip(RESOURCES, busy, strict=True)},
        }
        facts: dict[str, str | int | float] = {
            "model": self.model,
            "device": f"{self.tensor} x {self.device}",
            "batch": batch,
            "decodes": decode,
            "context": self.context,
            "operations": measured.source,
            "interference": TABLES[self.interference].source if self.interference in TABLES else "none",
            "overlap": self.overlap,
            "work of the busiest resource, seconds a layer": schedule.graph.bound,
            "optimum, tokens/s of a device": measured.optimum,
            "seed": self.seed,
        }
        return Outcome(self.name, metrics, load(schedule), rows(schedule), facts=facts)

    def schedule(self) -> Schedule:
        """Return the best schedule of all restarts."""
        measured = profile(self.model, self.device, self.tensor)
        batch, decode = self._batch(measured)
        layers = model(self.model).layers
        table = TABLES.get(self.interference)
        if self.overlap == "unsplit":
            of = graph(measured, whole(measured, batch, decode), self.context)
            return one(of, table, "none", layers, self.seed, 1)
        seeds = range(self.seed, self.seed + self.restarts)
        return fitted(measured, batch, decode, self.context, table, self.overlap, layers, seeds, self.moves)

    def _batch(self, measured: Profile) -> tuple[int, int]:
        """Return the tokens of the batch and those that decode."""
        raw = measured.published
        batch = raw["batch"] if self.batch is None else self.batch
        return batch, round(batch * raw["decode"] / raw["batch"]) if self.decode is None else self.decode
