"""Tables of ready texts, for a terminal and for a page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenly.report.table import Column, grid

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Rows:
    """A table whose first column names its rows."""

    title: str
    about: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[bool, ...] = ()
    "Rows to mark; none if empty."


def terminal(table: Rows) -> "Table":
    """Return a table for rich; no text of it is markup."""
    names = table.heads[:1] if table.rows else ()
    columns = [
        Column(head, tuple(row[k] for row in table.rows), table.marks, "left" if k < len(names) else "right")
        for k, head in enumerate(table.heads)
    ]
    made = grid(columns)
    made.title, made.title_justify, made.title_style = table.title, "left", "bold"
    return made


def section(table: Rows) -> str:
    """Return a table as a section of a page; its texts are escaped, and without rows there is none."""
    if not table.rows:
        return ""
    about = f"<p class='about'>{html.escape(table.about)}</p>" if table.about else ""
    heads = "".join(f"<th>{html.escape(head)}</th>" for head in table.heads)
    marks: Sequence[bool] = table.marks or [False] * len(table.rows)
    lines = "".join(_line(row, mark) for row, mark in zip(table.rows, marks, strict=True))
    return (
        f"<section><h2>{html.escape(table.title)}</h2>{about}<div class='wide'><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div></section>\n"
    )


def _line(row: Sequence[str], mark: bool) -> str:
    name, *cells = (html.escape(text) for text in row)
    kind = " class='best'" if mark else ""
    return f"<tr><th>{name}</th>{''.join(f'<td{kind}>{cell}</td>' for cell in cells)}</tr>"
