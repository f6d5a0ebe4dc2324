"""The page of a comparison: headline, pictures, table, assumptions."""

import html
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from evenly.core import Metric, Outcome
from evenly.report import table, verdict
from evenly.report.charts.latency import latency, quantiles
from evenly.report.charts.replicas import replicas
from evenly.report.charts.sweep import points, sweep
from evenly.report.charts.theme import NO_LEGEND
from evenly.report.charts.timeline import timeline
from evenly.report.document import Page, cards, document, section
from evenly.report.units import NONE, show
from evenly.sweep.folder import write_text

HEADLINE = ("goodput", "ttft_p99", "tbt_p99", "energy")
CURVES = ("goodput", "slo_share", "ttft_p99", "tbt_p99")


def write(
    outcomes: Sequence[Outcome], path: Path, *, title: str, subtitle: str = "", metrics: Sequence[Metric]
) -> None:
    """Write the page of a comparison at `path`, complete or not at all."""
    write_text(path, render(outcomes, title=title, subtitle=subtitle, metrics=metrics))


def page(outcomes: Sequence[Outcome], *, title: str, subtitle: str = "", metrics: Sequence[Metric]) -> Page:
    """Return the page of a comparison, which a notebook shows."""
    return Page(render(outcomes, title=title, subtitle=subtitle, metrics=metrics))


def render(outcomes: Sequence[Outcome], *, title: str, subtitle: str = "", metrics: Sequence[Metric]) -> str:
    """Return the page of a comparison as HTML; labels, titles and facts are escaped."""
    known = {metric.name: metric for metric in metrics}
    body = _headline(outcomes, known) + _pictures(outcomes, known) + _table(outcomes, metrics) + _facts(outcomes)
    return document(title, subtitle or _subtitle(outcomes), verdict.sentence(outcomes, metrics), body)


def _pictures(outcomes: Sequence[Outcome], known: Mapping[str, Metric]) -> str:
    swept = points(outcomes)
    if swept is not None:
        labels = list(dict.fromkeys(variant for variant, _ in swept[1]))
        drawn = [spec for name in CURVES if name in known and (spec := sweep(outcomes, known[name])) is not None]
        return section("Along the sweep", f"How the figures change with {swept[0]}.", drawn, labels, "380px")
    if len(outcomes) > NO_LEGEND:
        return ""
    labels = [outcome.label for outcome in outcomes]
    return (
        section(
            "Latency",
            "Left is better. The upper ends are what the unluckiest meet." + _twins(outcomes),
            latency(outcomes),
            labels,
        )
        + section(
            "Over time",
            "Where the queue grows, the fleet is behind; where the KV cache is full, requests wait or are preempted.",
            timeline(outcomes),
            labels,
            "640px",
        )
        + section(
            "Load by worker", "Even bars share the work evenly; a short bar is capacity left idle.", replicas(outcomes)
        )
    )


def _twins(outcomes: Sequence[Outcome]) -> str:
    """Name the variants whose latencies are equal: one curve hides the other."""
    groups: dict[bytes, list[str]] = {}
    for outcome in outcomes:
        curves = b"".join(quantiles(outcome, kind).tobytes() for kind in ("ttft", "gaps", "e2e"))
        groups.setdefault(curves, []).append(outcome.label)
    alike = [" and ".join(labels) for labels in groups.values() if len(labels) > 1]
    return "".join(f" The curves of {names} coincide." for names in alike)


def _subtitle(outcomes: Sequence[Outcome]) -> str:
    facts = outcomes[0].facts if outcomes else {}
    same = {name for name in facts if len({str(outcome.facts.get(name)) for outcome in outcomes}) == 1}
    parts = [str(facts[name]) for name in ("model", "device") if name in same]
    if "replicas" in same:
        parts.append(f"{facts['replicas']} replicas")
    counts = {len(outcome.items["arrival"]) for outcome in outcomes if "arrival" in outcome.items}
    if len(counts) == 1:
        parts.append(f"{counts.pop():,} requests")
    if "slo" in same and facts["slo"]:
        parts.append(f"SLO {facts['slo']} (ms)")
    return " · ".join(parts)


def _headline(outcomes: Sequence[Outcome], known: Mapping[str, Metric]) -> str:
    entries = []
    for name in HEADLINE:
        values = [outcome.metrics.get(name, float("nan")) for outcome in outcomes]
        finite = [value for value in values if value == value]
        if name not in known or not finite:
            continue
        metric = known[name]
        top, rest = (min(finite), max(finite)) if metric.better == "lower" else (max(finite), min(finite))
        entries.append((metric.title, show(top, metric.unit), _whose(outcomes, values, metric, top, rest)))
    return cards(entries)


def _whose(outcomes: Sequence[Outcome], values: Sequence[float], metric: Metric, top: float, rest: float) -> str:
    if len(outcomes) == 1:
        return metric.about
    marks = table.best(values, metric)
    if not any(marks):
        return f"all {len(outcomes)} alike"
    leaders = [outcome.label for outcome, mark in zip(outcomes, marks, strict=True) if mark]
    named = leaders[0] if len(leaders) == 1 else f"{leaders[0]} and {len(leaders) - 1} more"
    worst = outcomes[list(values).index(rest)].label
    return f"{named} · worst {show(rest, metric.unit)} ({worst})"


def _table(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> str:
    rows = []
    for metric in metrics:
        values = [outcome.metrics.get(metric.name, float("nan")) for outcome in outcomes]
        if not any(value == value for value in values):
            continue
        cells = "".join(
            f"<td{' class=best' if mark else ''}>{html.escape(table.figure(outcome, metric))}</td>"
            for outcome, mark in zip(outcomes, table.best(values, metric), strict=True)
        )
        about = html.escape(metric.about, quote=True)
        rows.append(f'<tr title="{about}"><th>{html.escape(metric.title)}</th>{cells}</tr>')
    return (
        "<section><h2>All figures</h2><p class='about'>The best of each row is marked, with those within 0.5% of it; "
        "the definition of a row shows under the pointer.</p><div class='wide'><table><thead>"
        f"{_heads(outcomes)}</thead><tbody>{''.join(rows)}</tbody></table></div></section>\n"
    )


def _heads(outcomes: Sequence[Outcome]) -> str:
    """Return the rows of headings: the variants, and below them the points of a sweep."""
    swept = points(outcomes)
    if swept is None:
        few = 1 < len(outcomes) <= NO_LEGEND
        chips = [f"<i class='hue-{k}'></i>" if few else "" for k in range(len(outcomes))]
        names = [html.escape(outcome.label or "run") for outcome in outcomes]
        return f"<tr><th></th>{''.join(f'<th>{c}{n}</th>' for c, n in zip(chips, names, strict=True))}</tr>"
    groups = [(variant, len(list(group))) for variant, group in groupby(variant for variant, _ in swept[1])]
    upper = "".join(f"<th colspan='{count}'>{html.escape(variant)}</th>" for variant, count in groups)
    lower = "".join(f"<th>{value:g}</th>" for _, value in swept[1])
    return f"<tr><th></th>{upper}</tr><tr><th>{html.escape(swept[0])}</th>{lower}</tr>"


def _facts(outcomes: Sequence[Outcome]) -> str:
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.facts))
    values = {name: [str(outcome.facts.get(name, NONE)) for outcome in outcomes] for name in names}
    same = [name for name in names if len(set(values[name])) == 1]
    shared = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(values[name][0])}</dd></div>" for name in same)
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(f"<td>{html.escape(value)}</td>" for value in values[name])
        + "</tr>"
        for name in names
        if name not in same
    )
    heads = "".join(f"<th>{html.escape(outcome.label or 'run')}</th>" for outcome in outcomes)
    differing = (
        f"<h3>Where the variants differ</h3><div class='wide'><table><thead><tr><th></th>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
    return (
        "<section><h2>What was assumed</h2><p class='about'>Every constant that the figures rest on.</p>"
        f"<dl>{shared}</dl>{differing if rows else ''}</section>\n"
    )
