"""A self-contained page: headline, pictures, table, assumptions; no network."""

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import evenly
from evenly.core import Metric, Outcome
from evenly.report import table, verdict
from evenly.report.charts.latency import latency
from evenly.report.charts.replicas import replicas
from evenly.report.charts.sweep import sweep
from evenly.report.charts.theme import config
from evenly.report.charts.timeline import timeline
from evenly.report.units import show
from evenly.sweep.folder import write_text

HEADLINE = ("goodput", "ttft_p99", "tbt_p99", "energy")
MOST = 8  # variants in a picture; a sweep draws curves instead
INK = {"light": ("#1c2733", "#d9e0e6"), "dark": ("#e6edf3", "#31404f")}


def write(
    outcomes: Sequence[Outcome], path: Path, *, title: str, subtitle: str = "", metrics: Sequence[Metric]
) -> None:
    """Write the page of a comparison at `path`."""
    write_text(path, render(outcomes, title=title, subtitle=subtitle, metrics=metrics))


def render(outcomes: Sequence[Outcome], *, title: str, subtitle: str = "", metrics: Sequence[Metric]) -> str:
    """Return the page of a comparison as HTML; labels, titles and facts are escaped."""
    sections = []
    known = {metric.name: metric for metric in metrics}
    curves = [sweep(outcomes, known[name]) for name in ("goodput", "ttft_p99") if name in known]
    drawn = [spec for spec in curves if spec is not None]
    if drawn:
        sections.append(("Against the load", "How the figures change along the sweep.", {"hconcat": drawn}))
    if len(outcomes) <= MOST:
        sections += [
            ("Latency", "Left is better. The right ends are what the unluckiest users see.", latency(outcomes)),
            ("Over time", "Where the queue grows, the fleet is behind; where KV is full, requests are preempted.", timeline(outcomes)),
            ("Load by worker", "Even bars share the work evenly; short ones wait for the long ones.", replicas(outcomes)),
        ]
    body = (
        _headline(outcomes, known)
        + "".join(section(*parts, number) for number, parts in enumerate(sections))
        + _table(outcomes, metrics)
        + _facts(outcomes)
    )
    return document(title, subtitle, verdict.sentence(outcomes, metrics), body)


def document(title: str, subtitle: str, lead: str, body: str) -> str:
    """Return a whole page around `body`, with scripts and styles inside."""
    folder = files("evenly.report")
    scripts = "".join(
        f"<script>{(folder / 'vendor' / name).read_text(encoding='utf-8')}</script>\n"
        for name in ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")
    )
    themes = {name: config(*inks) for name, inks in INK.items()}
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        lead=html.escape(lead),
        body=body,
        scripts=scripts,
        themes=inside_script(themes),
        version=evenly.__version__,
    )


def section(title: str, about: str, spec: Mapping[str, Any], number: int) -> str:
    """Return a section with one picture."""
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec}
    return (
        f"<section><h2>{html.escape(title)}</h2><p class='about'>{html.escape(about)}</p>"
        f"<div class='chart' id='chart-{number}'></div>"
        f"<script type='application/json' class='spec' data-for='chart-{number}'>{inside_script(whole)}</script></section>\n"
    )


def inside_script(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _headline(outcomes: Sequence[Outcome], known: Mapping[str, Metric]) -> str:
    cards = []
    for name in HEADLINE:
        if name not in known:
            continue
        metric = known[name]
        values = [outcome.metrics.get(name, float("nan")) for outcome in outcomes]
        finite = [value for value in values if value == value]
        if not finite:
            continue
        top = min(finite) if metric.better == "lower" else max(finite)
        rest = max(finite) if metric.better == "lower" else min(finite)
        who = outcomes[values.index(top)].label
        against = f"{html.escape(who)}; worst {show(rest, metric.unit)}" if len(finite) > 1 else html.escape(who)
        cards.append(
            f"<div class='card'><span>{html.escape(metric.title)}</span><b>{show(top, metric.unit)}</b>"
            f"<small>{against}</small></div>"
        )
    return f"<div class='cards'>{''.join(cards)}</div>\n"


def _table(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> str:
    heads = "".join(f"<th>{html.escape(outcome.label or 'run')}</th>" for outcome in outcomes)
    rows = []
    for metric in metrics:
        values = [outcome.metrics.get(metric.name, float("nan")) for outcome in outcomes]
        marks = table.best(values, metric)
        cells = "".join(
            f"<td{' class=best' if mark else ''}>{show(value, metric.unit)}</td>"
            for value, mark in zip(values, marks, strict=True)
        )
        rows.append(f"<tr title='{html.escape(metric.about, quote=True)}'><th>{html.escape(metric.title)}</th>{cells}</tr>")
    return (
        "<section><h2>All figures</h2><p class='about'>The best of each row is marked; a row's definition shows under the "
        f"pointer.</p><div class='wide'><table><thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
        "</table></div></section>\n"
    )


def _facts(outcomes: Sequence[Outcome]) -> str:
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.facts))
    rows = []
    for name in names:
        values = [str(outcome.facts.get(name, "")) for outcome in outcomes]
        same = len(set(values)) == 1
        shown = values[0] if same else "; ".join(f"{o.label}: {v}" for o, v in zip(outcomes, values, strict=True))
        rows.append(f"<tr><th>{html.escape(name)}</th><td class='text'>{html.escape(shown)}</td></tr>")
    return (
        "<section><h2>What was assumed</h2><p class='about'>Every constant that the figures rest on.</p><div class='wide'>"
        f"<table class='facts'>{''.join(rows)}</table></div></section>\n"
    )
