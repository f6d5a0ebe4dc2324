"""What a comparison or sweep consisted of, kept beside its runs: `plan.json`.

A folder may hold runs of several comparisons; its report draws those of the last one.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evenly.core import Document, Outcome
from evenly.sweep import folder
from evenly.sweep.plan import Cell

NAME = "plan.json"


def write(cells: Sequence[Cell], title: str, out: Path) -> None:
    """Keep the list of runs in `out`; raise `ValueError` if it cannot be written."""
    plan = {"format": folder.FORMAT, "title": title, "runs": [_run(cell) for cell in cells]}
    text = json.dumps(plan, indent=1, ensure_ascii=False)
    folder.write_text(out / NAME, text + "\n")


def add(cell: Cell, title: str, out: Path) -> None:
    """Put one more run on the list in `out`, or begin a list with it; raise `ValueError` if that cannot be.

    The other runs stay as they are: measured and simulated ones stand side by side in the report.
    """
    if not (out / NAME).exists():
        write([cell], title, out)
        return
    read(out)  # a damaged list is told, never written over
    plan = json.loads((out / NAME).read_text(encoding="utf-8"))
    plan["runs"].append(_run(cell))
    folder.write_text(out / NAME, json.dumps(plan, indent=1, ensure_ascii=False) + "\n")


def read(out: Path) -> tuple[str, list[Cell], list[Path], int]:
    """Return title, cells and folders of the last comparison in `out`, and how many of its runs are missing.

    A folder of one run is a comparison of its own. Raises `ValueError` if there is neither.
    """
    if folder.exists(out):
        return out.name, [_cell(out, out.name, 0)], [out], 0
    try:
        plan = json.loads((out / NAME).read_text(encoding="utf-8"))
        runs = [run for run in plan["runs"] if folder.exists(out / run["folder"])]
        missing = len(plan["runs"]) - len(runs)
        title = str(plan["title"])
        found = [(out / run["folder"], str(run["label"]), int(run["seed"]), dict(run["point"])) for run in runs]
    except OSError:
        raise ValueError(f"{out}: no runs here; name a folder that compare or sweep wrote") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{out / NAME}: damaged; run the comparison again, its runs are read from the folder"
        ) from None
    if not found:
        raise ValueError(f"{out}: none of the {missing} runs is complete; run the same command again to go on")
    cells = [Cell(label, point, seed, folder.document_of(path)) for path, label, seed, point in found]
    return title, cells, [path for path, *_ in found], missing


def outcomes(paths: Sequence[Path]) -> list[Outcome]:
    """Return the outcomes in the folders of runs."""
    return [folder.read(path) for path in paths]


def _run(cell: Cell) -> dict[str, Any]:
    return {"folder": cell.folder, "label": cell.label, "seed": cell.seed, "point": dict(cell.point)}


def _cell(path: Path, label: str, seed: int) -> Cell:
    document: Document = folder.document_of(path)
    return Cell(str(document.raw.get("name") or label), {}, seed, document)
