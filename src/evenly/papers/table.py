"""The table of claims in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evenly.papers.reproduce import Row

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {"inside": "green", "known miss": "yellow", "outside": "bold red", "skipped": "magenta"}


def table(rows: Sequence[Row]) -> "Table":
    """Return a rich table with paper, ours, spread, band and verdict side by side; misses carry their reason."""
    from rich.markup import escape
    from rich.table import Table

    systems = ", ".join(dict.fromkeys(row.system for row in rows))
    shown = Table(title=f"Published and ours: {systems}", title_justify="left", show_lines=any(r.reason for r in rows))
    shown.add_column("setting", ratio=3)
    shown.add_column("metric", ratio=2)
    for heading in ("paper", "ours", "seeds"):
        shown.add_column(heading, justify="right", no_wrap=heading != "seeds")
    shown.add_column("band", justify="right")
    shown.add_column("verdict", ratio=3)
    for row in rows:
        colour = COLOURS[row.verdict]
        why = f": {escape(row.reason)}" if row.reason else ""
        shown.add_row(
            escape(row.setting),
            escape(row.metric + (f" [{row.unit}]" if row.unit else "")),
            figure(row.paper),
            figure(row.ours),
            f"{figure(row.least)} to {figure(row.most)}" if row.seeds > 1 else "exact" if row.seeds else "",
            band(row),
            f"[{colour}]{row.verdict}[/]{why}",
        )
    return shown


def band(row: Row) -> str:
    """Return the accepted band as people write it.

    >>> from dataclasses import replace
    >>> row = Row("fastgen", "16 clients", "peak", "x", 3.7, 3.3, 3.2, 3.4, 5, 3.0, None, "inside", "blog")
    >>> band(row), band(replace(row, high=4.2))
    ('>= 3', '3 to 4.2')
    """
    if row.low is None:
        return f"<= {figure(row.high)}"
    if row.high is None:
        return f">= {figure(row.low)}"
    return f"{figure(row.low)} to {figure(row.high)}"


def figure(value: float | None) -> str:
    """Return a figure with three digits that matter.

    >>> figure(3.14159), figure(23700.0), figure(None)
    ('3.14', '23,700', '')
    """
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
