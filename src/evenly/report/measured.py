"""The report of a trace: how uneven it is, in tables and pictures."""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Floats, Trace
from evenly.measure.concentration import gini, top_share
from evenly.report.charts.arrivals import arrivals, burstiness, dispersion
from evenly.report.charts.lengths import lengths
from evenly.report.charts.lorenz import concentration
from evenly.report.charts.sharing import seen_before, sharing
from evenly.report.document import cards, document, section
from evenly.report.units import NONE, show
from evenly.sweep.folder import write_text

if TYPE_CHECKING:
    from rich.console import RenderableType

Rows = list[dict[str, Any]]


def write(description: Mapping[str, Any], trace: Trace, path: Path, *, title: str = "") -> None:
    """Write the page of a trace at `path`, complete or not at all."""
    write_text(path, page(description, trace, title=title))


def page(description: Mapping[str, Any], trace: Trace, *, title: str = "") -> str:
    """Return the page of a trace as HTML; names and values are escaped."""
    if len(trace) == 0:
        return document(title or "An empty trace", trace.origin, "There are no requests in this trace.", "")
    held = holdings(trace)
    time = [spec for spec in (arrivals(trace), burstiness(trace)) if spec is not None]
    shared = sharing(trace)
    body = (
        _headline(trace)
        + section("Time", "Load that comes in bursts needs more head-room than its mean.", time, (), "420px")
        + section(
            "Length", "A few long requests hold the device while many short ones wait.", lengths(trace), (), "420px"
        )
        + section(
            "Concentration and sharing",
            "The further a curve hangs below the diagonal, the fewer hold most of the work. Blocks seen before are "
            "what an endless prefix cache would save.",
            [concentration(held, "holders", "tokens", "Lorenz curve of tokens"), *([shared] if shared else [])],
            list(held),
            "420px",
        )
        + "".join(_table(name, rows) for name, rows in tables(description).items())
    )
    name = title or Path(trace.origin).name or "Trace"
    subtitle = f"{len(trace):,} requests over {show(trace.span, 's')}"
    return document(name, subtitle, sentence(trace), body)


def sentence(trace: Trace) -> str:
    """Return what stands out in a trace, in words."""
    held = holdings(trace)
    parts = [f"The heaviest 1% of requests hold {top_share(held['requests']):.0%} of the tokens"]
    if "users" in held:
        parts.append(f"the heaviest 1% of users {top_share(held['users']):.0%}")
    scales, index = dispersion(trace.arrival)
    if len(index):
        many = "burstier" if index[-1] > 1.5 else "steadier" if index[-1] < 0.67 else "about as bursty"
        than = "as" if many == "about as bursty" else "than"
        ratio = f": variance over mean is {index[-1]:.3g} in windows of {show(float(scales[-1]), 's')}"
        parts.append(f"arrivals are {many} {than} Poisson{ratio}")
    seen = seen_before(trace)
    if seen is not None:
        parts.append(f"{seen.mean():.0%} of the prompt blocks were seen before")
    return "; ".join(parts) + "."


def holdings(trace: Trace) -> dict[str, Floats]:
    """Return tokens by request, and by user and session where the trace knows them."""
    tokens = trace.tokens.astype(np.float64)
    held = {"requests": tokens}
    for name, codes in (("users", trace.user), ("sessions", trace.session)):
        known = codes >= 0 if codes is not None else np.zeros(0, np.bool_)
        if codes is not None and known.any():
            held[name] = by_code(codes[known], tokens[known])
    return {name: values for name, values in held.items() if name == "requests" or len(values) > 1}


def by_code(codes: Any, values: Floats) -> Floats:
    """Return the sum of `values` for each code that occurs."""
    least, most = int(codes.min()), int(codes.max())
    if most - least > 4 * len(codes):
        _, codes = np.unique(codes, return_inverse=True)
        least = 0
    sums = np.bincount(codes - least, values)
    return np.asarray(sums[np.bincount(codes - least) > 0], np.float64)


def plain(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as JSON can hold it: arrays as lists, figures without a value as null."""
    return {str(name): _plain(value) for name, value in description.items()}


def render(description: Mapping[str, Any]) -> "RenderableType":
    """Return the tables of a description for a terminal."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    shown = []
    for name, rows in tables(description).items():
        grid = Table(title=escape(heading(name)), title_justify="left", title_style="bold", box=None, pad_edge=False)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        for k, column in enumerate(columns):
            grid.add_column(escape(heading(column)), justify="right" if k else "left", header_style="dim")
        for row in rows:
            grid.add_row(*(escape(cell(row.get(column))) for column in columns))
        shown.append(grid)
    return Group(*shown)


def tables(description: Mapping[str, Any]) -> dict[str, Rows]:
    """Return every table as rows: a list of rows stays, columns are turned, single figures become one row each.

    >>> tables({"lengths": {"tokens": [1, 2]}, "span": {"seconds": 3.0}})
    {'lengths': [{'tokens': 1}, {'tokens': 2}], 'span': [{'figure': 'seconds', 'value': 3.0}]}
    """
    found: dict[str, Rows] = {}
    for name, table in plain(description).items():
        if isinstance(table, dict):
            found[name] = _turned(table)
        elif isinstance(table, list) and all(isinstance(row, dict) for row in table):
            found[name] = table
        else:
            found.setdefault("figures", []).append({"figure": name, "value": table})
    return {name: rows for name, rows in found.items() if rows}


def heading(name: str) -> str:
    """Return a name as a heading: `top_share` becomes `Top share`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def cell(value: Any) -> str:
    """Return a figure or text for a cell."""
    if value is None:
        return NONE
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def _turned(table: Mapping[str, Any]) -> Rows:
    columns = {name: value for name, value in table.items() if isinstance(value, list)}
    if columns and len(columns) == len(table) and len({len(value) for value in columns.values()}) == 1:
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if table and all(isinstance(value, dict) for value in table.values()):
        return [{"": name, **value} for name, value in table.items()]
    return [{"figure": name, "value": value} for name, value in table.items()]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _headline(trace: Trace) -> str:
    tokens = trace.tokens.astype(np.float64)
    mean = len(trace) / trace.span if trace.span > 0 else float("nan")
    counts = np.bincount((trace.arrival - trace.arrival[0]).astype(np.int64) // 60) if trace.span >= 120 else None
    peak = f"busiest minute {counts.max() / 60:,.3g} req/s" if counts is not None else "mean over the trace"
    prompt, output = float(trace.prompt.mean()), float(trace.output.mean())
    entries: Sequence[tuple[str, str, str]] = (
        ("Requests", show(float(len(trace)), ""), f"over {show(trace.span, 's')}"),
        ("Arrival rate", show(mean, "req/s"), peak),
        ("Tokens a request", show(float(tokens.mean()), ""), f"{show(prompt, '')} prompt, {show(output, '')} output"),
        ("Gini of tokens", show(gini(tokens), ""), "0: all requests alike; 1: one holds everything"),
    )
    return cards(entries)


def _table(name: str, rows: Rows) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    heads = "".join(f"<th>{html.escape(heading(column))}</th>" for column in columns)
    lines = "".join(
        "<tr>"
        + "".join(
            f"<{tag}>{html.escape(cell(row.get(c)))}</{tag}>" for c, tag in zip(columns, _tags(columns), strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f"<section><h2>{html.escape(heading(name))}</h2><div class='wide'><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div></section>\n"
    )


def _tags(columns: Sequence[str]) -> list[str]:
    return ["th", *["td"] * (len(columns) - 1)]
