"""What each part brings to a training, alone and with the others; renews docs/training.md.

Needs torch: `.venv-vllm/bin/python -m benchmarks.training`. The example itself is examples/training.
"""

import json
from pathlib import Path

from benchmarks.calibration import machine
from benchmarks.fidelity import insert
from evenly.core.document import unstructure
from examples.training.compare import arms, figures, metered, outcomes, table, write
from examples.training.parts import Run

ROOT = Path(__file__).parents[1]
PAGE, RESULT = ROOT / "docs" / "training.md", ROOT / "benchmarks" / "results" / "training.json"


def main() -> None:
    """Train all arms, write the report beside the runs, keep the figures and put them into the page."""
    run = Run()
    found = outcomes(run, metered(run))
    write(run, found, ROOT / "runs" / "training")
    told = figures(run, found)
    RESULT.write_text(json.dumps({"machine": unstructure(machine()), **told}, indent=1) + "\n", encoding="utf-8")
    tables = {"training": table(told), "arms": arms(told)}
    PAGE.write_text(insert(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
