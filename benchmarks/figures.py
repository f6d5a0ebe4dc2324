"""What a benchmark reports, and how reports become files and a page."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.calibration import Machine

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = "| figure | value | limit | calibration loops | |\n|---|---:|---:|---:|---|"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number and the limit it is held to."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    "Largest allowed value, or smallest with `at_least`; none if the figure is only shown."
    at_least: bool = False
    least: float | None = None
    "Least of several rounds, where `value` is their median; none for a single one."
    most: float | None = None
    "Greatest of them."

    @classmethod
    def of(cls, name: str, values: Sequence[float], unit: str, limit: float | None = None, **more: bool) -> "Figure":
        """Return the median of several rounds, with their least and greatest.

        >>> Figure.of("ratio", [1.0, 3.0, 1.2], "x").row(1.0)
        '| ratio | 1.2 x (1 to 3) |  |  |  |'
        """
        if len(values) == 1:
            return cls(name, values[0], unit, limit, **more)
        return cls(name, median(values), unit, limit, least=min(values), most=max(values), **more)

    @property
    def inside(self) -> bool:
        """Return whether the figure keeps its limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self, calibration: float) -> str:
        """Return a row of the table; seconds are shown in calibration loops too."""
        bound = "" if self.limit is None else f"{'≥' if self.at_least else '≤'} {number(self.limit)} {self.unit}"
        loops = number(self.value / calibration) if self.unit in ("s", "CPU s") else ""
        verdict = "" if self.limit is None else "kept" if self.inside else "**missed**"
        spread = "" if self.least is None or self.most is None else f" ({number(self.least)} to {number(self.most)})"
        return f"| {self.name} | {number(self.value)} {self.unit}{spread} | {bound} | {loops} | {verdict} |"


def number(value: float) -> str:
    """Return three digits that count, or all before the point.

    >>> number(12345.6), number(0.12345), number(20.0)
    ('12,346', '0.123', '20')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def keep(name: str, figures: Iterable[Figure], machine: Machine, folder: Path = RESULTS) -> Path:
    """Write the figures of one benchmark with the facts of the machine and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = {"machine": asdict(machine), "figures": [asdict(figure) for figure in figures]}
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(content, indent=1) + "\n")
    beside.replace(path)
    return path


def table(path: Path) -> str:
    """Return the table of one file of results, with the machine below it."""
    content = json.loads(path.read_text())
    machine = Machine(**content["machine"])
    rows = [Figure(**figure).row(machine.calibration) for figure in content["figures"]]
    note = (
        f"{machine.cores} cores of {machine.processor}, {machine.memory_gib} GiB, Python {machine.python}, "
        f"load average {machine.load} at the start, calibration loop {machine.calibration:.4f} CPU s."
    )
    return "\n".join([HEAD, *rows, "", note])


def publish(page: Path = PAGE, folder: Path = RESULTS) -> None:
    """Put the newest tables between the marks `<!-- NAME -->` and `<!-- /NAME -->` of the page."""
    text = page.read_text()
    for path in sorted(folder.glob("*.json")):
        begin, end = f"<!-- {path.stem} -->", f"<!-- /{path.stem} -->"
        if begin not in text:  # the figures of another page
            continue
        inner = f"{begin}\n\n{table(path)}\n\n{end}"
        text = re.sub(re.escape(begin) + ".*?" + re.escape(end), inner.replace("\\", r"\\"), text, flags=re.DOTALL)
    page.write_text(text)
