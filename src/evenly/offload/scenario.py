"""An offload scenario: a model whose experts do not all fit on the device, and who computes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from evenly.core import Bools, Floats, Metric, Outcome, Scenario
from evenly.core.scenario import Progress, silent
from evenly.hardware.model import model
from evenly.kernel.offload import records
from evenly.kernel.offload.asked import Asked
from evenly.kernel.offload.simulation import Run, replay
from evenly.offload import memory
from evenly.offload.caches import Cache
from evenly.offload.caches.minus_recent_score import MinusRecentScore
from evenly.offload.costs import Costs
from evenly.offload.guard import faster
from evenly.offload.prefetches import Prefetch
from evenly.offload.prefetches.impact import Impact
from evenly.offload.results import METRICS, outcome
from evenly.offload.routings import Routing, Shape
from evenly.offload.routings.autoregressive import Autoregressive
from evenly.offload.schedulers import Scheduler
from evenly.offload.schedulers.hybrid import Hybrid

MOST_CELLS = 50_000_000  # passes x layers x experts: some 3 GB
BITS = (2, 3, 4, 5, 6, 8, 16, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadScenario(Scenario):
    """Compute passes of a mixture of experts on a device that holds a part of them, and on the CPU beside it."""

    kind: ClassVar[str] = "offload"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "ratio": (0.125, 0.25, 0.375, 0.5, 0.625, 0.75),
        "scheduler": ("hybrid", "static-map", "on-demand"),
        "cache": ("minus-recent-score", "least-recent", "fixed"),
        "prefetch": ("impact", "adaptive", "nothing"),
    }

    model: str = "qwen2-57b-a14b"
    "Name of a model with experts, or the path of its config.json."
    routing: Routing = field(default_factory=Autoregressive)
    "Which experts the tokens ask for."
    ratio: float = 0.25
    "Share of the experts that the device holds."
    scheduler: Scheduler = field(default_factory=Hybrid)
    "Who computes the experts of a layer."
    cache: Cache = field(default_factory=MinusRecentScore)
    "Which experts stay on the device."
    prefetch: Prefetch = field(default_factory=Impact)
    "What the idle link brings for layers to come."
    costs: Costs = field(default_factory=Costs)
    "Seconds of each side, as they are."
    believed: Costs | None = None
    "Seconds as the scheduler takes them to be; by default as they are."
    guard: bool = False
    "Whether the calibration run also times pure offloading, and the faster of the two serves."
    phase: Literal["decode", "prefill"] = "decode"
    "Whether a pass is one token, or a prompt."
    prompt: int = 128
    "Tokens of a prompt."
    passes: int = 200
    "Tokens that are decoded, or prompts."
    calibration: int = 200
    "Tokens before, which say what is frequent."
    bits: int = 4
    "Bits of a weight of the experts, on both sides."

    @property
    def shape(self) -> Shape:
        """Return the layers and experts of the model."""
        found = model(self.model)
        return Shape(found.layers - found.dense_layers, found.experts, found.active)

    def check(self) -> "OffloadScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        if not model(self.model).experts:
            raise ValueError(f"model '{self.model}' has no experts that could be offloaded")
        shape = self.shape
        least = shape.active / shape.experts
        if not (least <= self.ratio <= 1.0):
            raise ValueError(f"ratio is {least:g} to 1, so that the experts of a token fit, not {self.ratio}")
        if min(self.passes, self.prompt) < 1 or self.calibration < 1:
            raise ValueError(
                f"passes, prompt and calibration are at least 1, not {self.passes}, {self.prompt}, {self.calibration}"
            )
        cells = (self.passes + self.calibration) * shape.layers * shape.experts
        if cells > MOST_CELLS:
            raise ValueError(
                f"passes and calibration make {cells:,} cells of layers and experts, at most {MOST_CELLS:,}"
            )
        if self.bits not in BITS:
            raise ValueError(f"bits is one of {', '.join(map(str, BITS))}, not {self.bits}")
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Compute all passes; return times, hits, traffic, memory, and what ran when in the pass in the middle."""
        self.check()
        asked = self.asked()
        serving = self.serving(asked)
        run, resident = serving.simulate(asked, logged=self.passes // 2, progress=progress)
        return outcome(serving, run, resident)

    def serving(self, asked: Asked) -> "OffloadScenario":
        """Return the set-up that computes the passes: this one, unless the guard finds another to be faster."""
        return faster(self, asked) if self.guard else self

    def asked(self) -> Asked:
        """Return what the calibration run and the passes ask for."""
        size = self.prompt if self.phase == "prefill" else 1
        tokens = np.concatenate([np.ones(self.calibration, np.int64), np.full(self.passes, size, np.int64)])
        return self.routing.draw(self.shape, tokens, self.seed)

    def simulate(
        self, asked: Asked, calibrating: bool = False, logged: int = -1, progress: Progress = silent
    ) -> tuple[Run, Bools]:
        """Return what happened, and which experts began on the device.

        `asked` begins with the calibration run, whose passes are computed with `calibrating`, in place of those after.
        """
        frequency = self.frequency(asked)
        resident = memory.residents(frequency, self.ratio, self.cache.by_layers)
        served = asked.part(0, self.calibration) if calibrating else asked.part(self.calibration, len(asked.loads))
        believed = self.costs if self.believed is None else self.believed
        run = replay(
            served,
            self.shape.active,
            frequency,
            resident,
            self.scheduler,
            self.cache,
            self.prefetch,
            self.costs.array(),
            believed.array(),
            logged,
            progress,
        )
        return run, resident

    def frequency(self, asked: Asked) -> Floats:
        """Return the share of the passes of the calibration run that ask for each expert, shape [layer, expert]."""
        return np.asarray((asked.loads[: self.calibration] > 0).mean(axis=0))

    def seconds(self, asked: Asked, calibrating: bool = False) -> float:
        """Return the seconds of all passes."""
        run, _ = self.simulate(asked, calibrating)
        return float(run.sums[:, records.SECONDS].sum())

    def tokens(self) -> int:
        """Return the tokens of all passes."""
        return self.passes * (self.prompt if self.phase == "prefill" else 1)
