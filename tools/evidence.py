"""Write our figures for every published system to docs/evidence, where the pages of the site take them from.

Run `python -m tools.evidence [NAME ...]` after a change that moves a figure; a test compares them with fresh runs.
"""

import json
import sys
from pathlib import Path

from evenly.papers.evidence import names
from evenly.papers.reproduce import reproduce

FOLDER = Path(__file__).parents[1] / "docs" / "evidence"


def main() -> None:
    """Reproduce the named systems, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or names():
        rows = [rounded(row.as_json()) for row in reproduce(name)]
        (FOLDER / f"{name}.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(row: dict[str, object]) -> dict[str, object]:
    """Return a row with six digits a figure: the rest differs between processors."""
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}


if __name__ == "__main__":
    main()
