"""The report of a trace: how uneven it is, in tables and pictures."""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Trace
from evenly.measure.burstiness import LEAST_WINDOWS
from evenly.report.charts.arrivals import arrivals, burstiness
from evenly.report.charts.lengths import lengths
from evenly.report.charts.lorenz import concentration
from evenly.report.charts.sharing import sharing
from evenly.report.charts.theme import NO_LEGEND
from evenly.report.document import cards, document, section
from evenly.report.units import NONE, show
from evenly.sweep.folder import write_text
from evenly.traces.describe import UNITS as OF_TRACES
from evenly.traces.describe import tokens_by_holder
from evenly.traces.functions.describe import UNITS as OF_FUNCTIONS
from evenly.traces.jobs.describe import UNITS as OF_JOBS
from evenly.train.batches.describe import UNITS as OF_DATA_SETS

if TYPE_CHECKING:
    from rich.console import RenderableType

Rows = list[dict[str, Any]]
UNITS: Mapping[str, str] = {**OF_DATA_SETS, **OF_FUNCTIONS, **OF_JOBS, **OF_TRACES}
MINUTE = 60.0
CLOCK = ((86_400.0, "day"), (3_600.0, "h"), (60.0, "min"))
TITLES = {
    "trace": ("The trace", ""),
    "arrivals": (
        "Gaps between arrivals",
        "For Poisson arrivals the variation of the gaps and their Gamma shape are 1; more variation or a smaller shape "
        "is burstier. Where the clock was too coarse to tell arrivals apart, they are spread over its tick by chance.",
    ),
    "bursts": (
        "Bursts by time scale",
        "Requests that arrive in windows of one length. Dispersion is variance over mean, 1 for Poisson; where it "
        "climbs, bursts last that long.",
    ),
    "balance": (
        "What perfect balance would save",
        "A fleet that is sized for the busiest window of a length stands idle for this share of its time, the same "
        "work at a constant rate for none of it. Requests arrive; tokens are prompt and output of what arrives.",
    ),
    "lengths": ("Lengths in tokens", "Requests that did not fail. Variation is standard deviation over mean."),
    "concentration": (
        "Who holds the tokens",
        "Share of the tokens that the heaviest holders asked for. Gini is 0 if all hold the same, and nears 1 if one "
        "holds everything.",
    ),
    "sessions": ("Conversations", ""),
    "failures": ("Failures", "Requests that the source recorded as failed; they are never sent to an engine."),
    "prefix_sharing": ("Shared prefixes", "What a prefix cache that forgets nothing would have known on arrival."),
    "cold_starts": ("Cold starts", "Seconds from the request for a pod until it runs, and the lognormal law of them."),
    "between_cold_starts": ("Between cold starts", "Seconds from one cold start of a region to the next."),
    "parts": ("Parts of a cold start", "Rank correlation is with the whole."),
    "runtimes": ("By runtime", "Functions that no table names are unknown."),
    "triggers": ("By trigger", "S: somebody waits for the answer; A: nobody does. Not named: unknown."),
    "sizes": ("By size of pod", "Millicores and MB."),
    "calls": ("Calls", "Their times count from the worker; the frontend's are often missing."),
    "calls_by_function": (
        "Calls by function",
        "Published request tables of some regions are samples, whose rates cannot be compared across functions.",
    ),
    "utility": (
        "Utility of pods",
        "Lifetime without the last keep-alive, over the time of the cold start. Where a pod's life begins is told two "
        "ways.",
    ),
    "data_set": ("The data set", ""),
    "tokens_of_a_sequence": ("Tokens of a sequence", "So many of the sequences have at most so many tokens."),
    "padded": ("Padding", "Positions that are computed and hold no token, by what sequences are padded to."),
    "packed": (
        "Packed offline",
        "Packs of the longest length, longest pack first; how full they are, and how many sequences a pack holds.",
    ),
    "ranks": (
        "Ranks that wait",
        "100 steps without padding; a sequence of n tokens takes n + n\u00b2 / 24,576. The busiest rank of a step over "
        "the mean one, the time that ranks wait, and how much faster steps are than with sequences as they come "
        "(blocks).",
    ),
    "jobs": ("Jobs", ""),
    "work_of_a_job": ("Work of a job", "So many of the jobs have at most so many core-seconds."),
    "work_of_users": (
        "Who asks for the cluster",
        "Gini is 0 if all ask for the same, and nears 1 if one asks for everything.",
    ),
    "heaviest_users": ("Heaviest users", ""),
    "series": ("Series by the minute", "Sums over all functions."),
}
"Title and explanation of the tables of a description."


def write(description: Mapping[str, Any], trace: Trace, path: Path, *, title: str = "") -> None:
    """Write the page of a trace at `path`, complete or not at all."""
    write_text(path, page(description, trace, title=title))


def write_tables(description: Mapping[str, Any], path: Path, *, title: str, about: str = "") -> None:
    """Write a page of tables alone at `path`, complete or not at all; `about` says what stands out."""
    body = "".join(_table(name, rows) for name, rows in tables(description).items())
    write_text(path, document(title, "", about, body))


def page(description: Mapping[str, Any], trace: Trace, *, title: str = "") -> str:
    """Return the page of a trace as HTML; names and values are escaped."""
    if len(trace) == 0:
        return document(title or "An empty trace", trace.origin, "There are no requests in this trace.", "")
    held = dict(list(tokens_by_holder(trace).items())[:NO_LEGEND])
    held = {name: values for name, values in held.items() if values.any()}
    time = [spec for spec in (arrivals(trace), burstiness(trace)) if spec is not None]
    shared = sharing(trace)
    curves = [concentration(held, "holders", "tokens", "Lorenz curve of tokens")] if held else []
    body = (
        _headline(description)
        + section("Time", "Load that comes in bursts needs more head-room than its mean.", time, (), "420px")
        + section(
            "Length", "A few long requests hold the device while many short ones wait.", lengths(trace), (), "420px"
        )
        + section(
            "Concentration and sharing" if shared else "Concentration",
            "The further a curve hangs below the diagonal, the fewer hold most of the work."
            + (" Blocks seen before are what an endless prefix cache would save." if shared else ""),
            [*curves, *([shared] if shared else [])],
            list(held),
            "420px",
        )
        + "".join(_table(name, rows) for name, rows in tables(description).items())
    )
    name, _, note = Path(trace.origin).name.partition(" (")
    facts = [f"{len(trace):,} requests" + (f" over {duration(trace.span)}" if trace.span > 0 else "")]
    subtitle = " · ".join([*facts, *([note.removesuffix(")")] if note else [])])
    return document(title or name or "Trace", subtitle, sentence(description), body)


def sentence(description: Mapping[str, Any]) -> str:
    """Return what stands out in a trace, in words; empty for a description that says nothing of it."""
    parts = []
    long_enough = {window for window, row in _by_window(description, "bursts") if row["windows"] >= LEAST_WINDOWS}
    balance = {window: row for window, row in _by_window(description, "balance") if window in long_enough}
    if balance:
        window = MINUTE if MINUTE in balance else max(balance)
        idle = f"{balance[window]['idle_requests']:.0%}"
        parts.append(f"a fleet sized for the busiest {_span(window)} would stand idle for {idle} of the time")
    for window, row in _by_window(description, "bursts"):
        if window == max(long_enough, default=0.0) and row["dispersion"] is not None:
            index = row["dispersion"]
            kind = "burstier than" if index > 1.5 else "steadier than" if index < 0.67 else "about as bursty as"
            parts.append(
                f"arrivals are {kind} Poisson: {index:.3g} times its variance in windows of {duration(window)}"
            )
    parts += [
        f"the heaviest 1% of {row['holders']} hold {row['top_1_percent']:.0%} of the tokens"
        for row in description.get("concentration", ())
        if isinstance(row, Mapping) and row.get("top_1_percent") is not None
    ]
    shared, failures = description.get("prefix_sharing", {}), description.get("failures", {})
    if "known_blocks" in shared:
        parts.append(f"{shared['known_blocks']:.0%} of the prompt blocks were seen before")
    if "share" in failures:
        parts.append(f"{failures['share']:.1%} of the requests failed")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def plain(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as JSON can hold it: arrays as lists, figures without a value as null."""
    return {str(name): _plain(value) for name, value in description.items()}


def render(description: Mapping[str, Any]) -> "RenderableType":
    """Return what stands out and the tables of a description, for a terminal."""
    from rich.console import Group
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    said = sentence(description)
    shown: list[RenderableType] = [Padding(escape(said), (0, 0, 1, 0))] if said else []
    for name, rows in tables(description).items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        grid = Table(
            title=escape(_title(name)),
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            show_header=columns != ["figure", "value"],
        )
        for k, column in enumerate(columns):
            grid.add_column(escape(heading(column)), justify="right" if k else "left", header_style="dim")
        for row in rows:
            grid.add_row(*(escape(text) for text in _texts(row, columns)))
        shown.append(Padding(grid, (0, 0, 1, 0)))
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
    words = name.replace("_percent", "%").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def cell(value: Any, unit: str = "") -> str:
    """Return a figure or text for a cell.

    >>> cell(1234), cell(0.0712), cell(0.5, "share"), cell(3600.0, "s"), cell(None)
    ('1,234', '0.0712', '50%', '1 h', '–')
    """
    if value is None:
        return NONE
    if isinstance(value, bool | str):
        return str(value)
    if unit == "s":
        return duration(float(value))
    if unit:
        return show(float(value), unit)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def duration(seconds: float) -> str:
    """Return a length of time in the unit that people would choose.

    >>> duration(0.25), duration(90.0), duration(86400.0), duration(1.9e7)
    ('250 ms', '1.5 min', '1 day', '220 days')
    """
    for factor, unit in CLOCK:
        if seconds >= factor:
            value = f"{seconds / factor:.3g}"
            return f"{value} {unit}{'s' if unit == 'day' and value != '1' else ''}"
    return show(seconds, "s")


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


def _headline(description: Mapping[str, Any]) -> str:
    trace, entries = description.get("trace", {}), []
    if "requests" in trace:
        over = f"over {duration(trace['span'])}" if trace["span"] > 0 else "all at one moment"
        entries.append(("Requests", show(float(trace["requests"]), ""), over))
    bursts = dict(_by_window(description, "bursts"))
    if bursts:
        window = MINUTE if MINUTE in bursts else max(bursts)
        row = bursts[window]
        peak = f"busiest {_span(window)} {show(row['peak'] / window, 'req/s')}"
        entries.append(("Arrival rate", show(trace["rate"], "req/s"), peak))
        entries.append(("Peak over mean", show(row["peak_over_mean"], ""), f"in windows of {duration(window)}"))
    rows = {row["tokens"]: row for row in description.get("lengths", ()) if isinstance(row, Mapping) and "gini" in row}
    if "both" in rows:
        parts = f"{show(rows['prompt']['mean'], '')} prompt, {show(rows['output']['mean'], '')} output"
        entries.append(("Tokens a request", show(rows["both"]["mean"], ""), parts))
        entries.append(("Gini of tokens", show(rows["both"]["gini"], ""), "0: all requests alike; 1: one holds all"))
    return cards(entries)


def _by_window(description: Mapping[str, Any], name: str) -> list[tuple[float, Mapping[str, Any]]]:
    return [(row["window"], row) for row in description.get(name, ()) if isinstance(row, Mapping) and "window" in row]


def _span(window: float) -> str:
    """Return a window as a noun: `minute` for 60 seconds, `10 min` for 600."""
    names = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
    return names.get(window, duration(window))


def _title(name: str) -> str:
    return TITLES[name][0] if name in TITLES else heading(name)


def _texts(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """Return the cells of a row; a figure has its unit by its name, a column by its heading."""
    if list(columns) == ["figure", "value"]:
        return [heading(str(row["figure"])), cell(row["value"], UNITS.get(str(row["figure"]), ""))]
    return [cell(row.get(column), UNITS.get(column, "")) for column in columns]


def _table(name: str, rows: Rows) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    about = f"<p class='about'>{html.escape(TITLES[name][1])}</p>" if name in TITLES and TITLES[name][1] else ""
    head = f"<section><h2>{html.escape(_title(name))}</h2>{about}"
    texts = [[html.escape(text) for text in _texts(row, columns)] for row in rows]
    if columns == ["figure", "value"]:
        pairs = "".join(f"<div><dt>{figure}</dt><dd>{value}</dd></div>" for figure, value in texts)
        return f"{head}<dl>{pairs}</dl></section>\n"
    heads = "".join(f"<th>{html.escape(heading(column))}</th>" for column in columns)
    tags = ["th", *["td"] * (len(columns) - 1)]
    lines = "".join(
        f"<tr>{''.join(f'<{tag}>{text}</{tag}>' for text, tag in zip(line, tags, strict=True))}</tr>" for line in texts
    )
    return (
        f"{head}<div class='wide'><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
        "</section>\n"
    )
