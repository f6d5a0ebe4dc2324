"""The table of a comparison in a terminal."""

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from evenly.core import Metric, Outcome
from evenly.report.charts.sweep import points
from evenly.report.units import number, scale

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

LEAST_SPREAD = 0.0005  # a smaller spread would not change the three digits shown
TIE = 0.005  # figures within this share of the best one are marked like it
LABEL = 14  # characters of a heading before it is broken
LINES = 4  # of a heading; the rest is cut
PARTS = re.compile(r"[^=,:]+[=,:]*|[=,:]+")  # of a label, which is broken where knobs and their values begin
BLOCKS = 2  # tables below each other before variants become rows and only the first figures are shown
FIRST = (
    "goodput",
    "slo_share",
    "ttft_p99",
    "tbt_p99",
    "e2e_mean",
    "brake_time",
    "response_users",
    "response_short",
    "dvr",
    "lateness",
    "throughput",
    "energy",
)  # shown where room is short
GAP = 2  # columns of space between two columns


def render(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> "Comparison":
    """Return a table for rich, one row a metric and one column a variant, the best figures in bold green.

    It fits any width: variants that do not fit stand in a second table below the first. If there are still more of
    them, or the points of a sweep, each is a row, with as many figures as fit.
    """
    return Comparison(tuple(outcomes), tuple(metric for metric in metrics if known(outcomes, metric)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table that fits the terminal it is printed on."""

    outcomes: tuple[Outcome, ...]
    metrics: tuple[Metric, ...]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Table | str]":
        """Lay the table out for a width; rich calls this."""
        if points(self.outcomes) is None:
            blocks = self._by_variant(options.max_width)
            if len(blocks) <= BLOCKS:
                for k, block in enumerate(blocks):
                    yield from ([""] if k else [])
                    yield grid(block)
                return
        yield grid(self._by_metric(options.max_width))
        yield f"All {len(self.metrics)} figures are in the report."

    def _by_variant(self, width: int) -> "list[list[Column]]":
        """Return blocks of columns, one column a variant."""
        units = [unit_of(self.outcomes, metric) for metric in self.metrics]
        marked = [marks(self.outcomes, metric) for metric in self.metrics]
        heads = [
            Column("", tuple(metric.title for metric in self.metrics), align="left"),
            Column("", tuple(unit for _, unit in units), align="left", style="dim"),
        ]
        columns = [
            Column(
                broken(outcome.label or "run"),
                tuple(cell(outcome, m, factor) for m, (factor, _) in zip(self.metrics, units, strict=True)),
                tuple(row[k] for row in marked),
            )
            for k, outcome in enumerate(self.outcomes)
        ]
        room = width - sum(head.width + GAP for head in heads)
        return [[*heads, *block] for block in packed(columns, room)]

    def _by_metric(self, width: int) -> "list[Column]":
        """Return columns with one row a variant, of the first figures, as many as fit."""
        first = [metric for name in FIRST for metric in self.metrics if metric.name == name]
        columns = []
        for metric in first or self.metrics:
            factor, unit = unit_of(self.outcomes, metric)
            cells = tuple(cell(outcome, metric, factor) for outcome in self.outcomes)
            columns.append(Column(f"{metric.title}\n{unit}", cells, tuple(marks(self.outcomes, metric))))
        names = list(_names(self.outcomes, max(LABEL, width // 3)))
        return [*names, *packed(columns, width - sum(name.width + GAP for name in names))[0]]


@dataclass(frozen=True, slots=True)
class Column:
    """Texts of one column."""

    head: str
    cells: tuple[str, ...]
    marks: tuple[bool, ...] = ()
    align: Literal["left", "right"] = "right"
    style: str = ""

    @property
    def width(self) -> int:
        """Return characters of the longest line."""
        return max(len(line) for text in (self.head, *self.cells) for line in text.split("\n"))


def packed(columns: Sequence[Column], room: int) -> list[list[Column]]:
    """Return the columns in blocks of at most `room` characters; a block has at least one column."""
    blocks: list[list[Column]] = [[]]
    used = 0
    for column in columns:
        if blocks[-1] and used + column.width + GAP > room:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += column.width + GAP
    return blocks


def grid(columns: Sequence[Column]) -> "Table":
    """Return columns as a table of rich; no text of theirs is markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in columns:
        head = Text(column.head, justify=column.align)
        made.add_column(head, justify=column.align, no_wrap=True, vertical="bottom")
    for row in range(len(columns[0].cells)):
        styles = ["bold green" if column.marks and column.marks[row] else column.style for column in columns]
        made.add_row(*(Text(column.cells[row], style) for column, style in zip(columns, styles, strict=True)))
    return made


def broken(label: str) -> str:
    r"""Return a heading on several lines, each short; what is left over is cut.

    >>> broken("vllm-v0-chunked"), broken("word " * 40)[-6:]
    ('vllm-v0-\nchunked', ' word…')
    >>> broken("queue=uwfq split=runtime,advised:0.5")
    'queue=uwfq\nsplit=runtime,\nadvised:0.5'
    """
    return "\n".join(_Wrapper(LABEL, max_lines=LINES, placeholder="…").wrap(label))


class _Wrapper(textwrap.TextWrapper):
    """Breaks words that are too long for a line where knobs and their values begin, before it cuts them anywhere."""

    def _split(self, text: str) -> list[str]:
        pieces = super()._split(text)
        return [part for word in pieces for part in (PARTS.findall(word) if len(word) > self.width else [word])]


def cell(outcome: Outcome, metric: Metric, factor: float) -> str:
    """Return a figure times `factor` and, if it is the mean of several seeds, their standard deviation.

    The deviation is a percentage of the figure; of a share it is in percentage points.
    """
    value = outcome.metrics.get(metric.name, float("nan"))
    seeds = outcome.series.get("seeds", {}).get(metric.name)
    shown = number(value * factor)
    if seeds is None or len(seeds) < 2 or not np.isfinite(seeds).all():
        return shown
    spread = float(np.std(seeds, ddof=1))
    share = spread if metric.unit == "share" else spread / abs(value) if value else 0.0
    if share < LEAST_SPREAD:
        return shown
    percent = f"{100 * share:.2g}" if share < 1 else f"{100 * share:.0f}"
    return f"{shown} ±{percent}{'' if metric.unit == 'share' else '%'}"


def known(outcomes: Sequence[Outcome], metric: Metric) -> bool:
    """Tell whether any outcome has the figure."""
    return not all(math.isnan(outcome.metrics.get(metric.name, math.nan)) for outcome in outcomes)


def unit_of(outcomes: Sequence[Outcome], metric: Metric) -> tuple[float, str]:
    """Return the factor and the unit in which a metric is shown for all outcomes."""
    return scale((outcome.metrics.get(metric.name, float("nan")) for outcome in outcomes), metric.unit)


def marks(outcomes: Sequence[Outcome], metric: Metric) -> list[bool]:
    """Tell which outcomes have the best figure; along a sweep, the best one at each point."""
    values = [outcome.metrics.get(metric.name, float("nan")) for outcome in outcomes]
    swept = points(outcomes)
    if swept is None:
        return best(values, metric)
    places = [place for _, place in swept[1]]
    found = [False] * len(values)
    for place in set(places):
        here = [k for k, other in enumerate(places) if other == place]
        for k, mark in zip(here, best([values[k] for k in here], metric), strict=True):
            found[k] = mark
    return found


def best(values: Sequence[float], metric: Metric) -> list[bool]:
    """Tell which values are the best, or as good as; none if all are alike or the metric has no better side.

    >>> best([1.0, 1.001, 2.0], Metric("x", "X"))
    [True, True, False]
    >>> best([1.0, 1.001], Metric("x", "X"))
    [False, False]
    """
    known = [value for value in values if value == value]
    if metric.better == "neither" or len(known) < 2:
        return [False] * len(values)
    top = min(known) if metric.better == "lower" else max(known)
    near = [value == value and abs(value - top) <= TIE * abs(top) for value in values]
    return [False] * len(values) if all(near) else near


def _names(outcomes: Sequence[Outcome], most: int) -> Iterator[Column]:
    """Return the columns that name each row: the variant and, along a sweep, the point."""
    swept = points(outcomes)
    names = [variant for variant, _ in swept[1]] if swept is not None else [o.label or "run" for o in outcomes]
    yield Column("", tuple(name if len(name) <= most else f"{name[: most - 1]}…" for name in names), align="left")
    if swept is not None:
        yield Column(swept[0], tuple(f"{value:g}" for _, value in swept[1]))
