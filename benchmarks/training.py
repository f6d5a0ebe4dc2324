"""What each part brings to a training, alone and with the others; renews docs/training.md.

Needs torch: `.venv-vllm/bin/python -m benchmarks.training`. The example itself is examples/training.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.calibration import machine
from benchmarks.fidelity import insert
from evenly.core.document import unstructure
from examples.training.compare import arms, figures, metered, outcomes, table, write
from examples.training.parts import Run

SEEDS = (0, 1, 2)  # the strength of prices and of the auxiliary loss was chosen on seed 3
ROOT = Path(__file__).parents[1]
PAGE, RESULT = ROOT / "docs" / "training.md", ROOT / "benchmarks" / "results" / "training.json"


def main() -> None:
    """Train all arms with every seed, write the report of the first, keep the figures and put them into the page."""
    told = []
    for seed in SEEDS:
        run = Run(seed=seed)
        found = outcomes(run, metered(run))
        told.append(figures(run, found))
        if seed == SEEDS[0]:
            write(run, found, ROOT / "runs" / "training")
    middle, least, most = (merged(told, of) for of in (median, min, max))
    kept = {"machine": unstructure(machine()), "seeds": list(SEEDS), **middle, "least": least, "most": most}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    tables = {"training": table(middle, least, most), "arms": arms(middle)}
    PAGE.write_text(insert(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


def merged(runs: Sequence[Any], of: Callable[[Sequence[float]], float]) -> Any:
    """Return each figure of several runs as one, by median, least or greatest; texts are those of the first run.

    >>> merged([{"a": {"b": 1.0}}, {"a": {"b": 3.0}}], max)
    {'a': {'b': 3.0}}
    """
    first = runs[0]
    if isinstance(first, dict):
        return {name: merged([run[name] for run in runs], of) for name in first}
    return first if isinstance(first, str) else of(runs)


if __name__ == "__main__":
    main()
