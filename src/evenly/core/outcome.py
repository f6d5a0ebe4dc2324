"""An outcome: what one policy did with one workload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evenly.core.load import Load
from evenly.core.types import Array


@dataclass(frozen=True, slots=True)
class Metric:
    """How a figure of an outcome is named, shown and judged."""

    name: str
    "Key in `Outcome.metrics`, for instance `ttft_p99`."
    title: str
    "Heading in tables and charts, for instance `TTFT p99`."
    unit: str = ""
    "SI unit of the stored value: `s`, `tokens/s`, `J`; empty for a pure number or a share."
    better: Literal["lower", "higher", "neither"] = "lower"
    about: str = ""
    "Definition in one sentence."


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Figures, per-item columns, time series and load of one run."""

    label: str
    "Name of the variant, for instance `vllm-v1`."
    metrics: Mapping[str, float]
    "Scalar figures by metric name, in SI units; NaN where a figure has no meaning."
    load: Load
    items: Mapping[str, Array] = field(default_factory=dict)
    "One row an item (request, step, job), by column."
    series: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    "Named time series; each maps column to array and has a column `time`."
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    "Every assumed or derived constant of the run, printed with the result."
