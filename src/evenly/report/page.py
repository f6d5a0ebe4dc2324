"""The page of a comparison: headline, pictures, table, assumptions."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evenly.core import Metric, Outcome
from evenly.measure.imbalance import peak_over_mean
from evenly.report import causes, rows, table, verdict
from evenly.report.assumptions import assumptions, limits
from evenly.report.charts.checkpoints import checkpoints
from evenly.report.charts.experts import experts
from evenly.report.charts.jobs import jobs
from evenly.report.charts.latency import alike, curves, latency
from evenly.report.charts.pipeline import pipeline
from evenly.report.charts.power import power
from evenly.report.charts.replicas import replicas
from evenly.report.charts.schedule import schedule
from evenly.report.charts.steps import steps
from evenly.report.charts.sweep import points, sweep
from evenly.report.charts.theme import NO_LEGEND
from evenly.report.charts.timeline import timeline
from evenly.report.charts.trade import trade
from evenly.report.charts.violation import violation
from evenly.report.document import Page, cards, document, section
from evenly.report.figures import figures
from evenly.report.trade import pair
from evenly.report.units import show
from evenly.sweep.folder import write_text

HEADLINE = (
    *("goodput", "ttft_p99", "tbt_p99", "energy"),
    *("cold_starts", "pod_hours", "added_p99"),
    *("brake_time", "high_p50", "low_p50"),
    *("step", "bubble"),
    *("stall_p99", "lost"),
    *("response_mean", "response_short", "response_users", "lateness"),
    *("maxvio_global", "score", "step_time"),
)
CURVES = ("goodput", "slo_share", "ttft_p99", "tbt_p99", "response_short", "response_users", "lateness")
EVEN = 1.01  # a smaller peak over mean needs no remark


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
    said = verdict.sentences(outcomes, metrics)
    drawn = _drawn(outcomes, metrics)
    swept = points(drawn)
    labels = list(dict.fromkeys(variant for variant, _ in swept[1])) if swept else [o.label for o in drawn]
    pictures = _along(drawn, known, labels, swept[0]) if swept else _at_once(drawn, labels, len(outcomes))
    traded = pair(outcomes)
    if traded is not None:
        bought = [trade(outcomes, metrics, traded)]
        pictures = (
            section("What is bought with what", "No variant is judged by one of the two alone.", bought, ()) + pictures
        )
    hues = {label: k for k, label in enumerate(labels)}
    body = (
        _reasons(said[1:])
        + _headline(outcomes, metrics)
        + pictures
        + figures(outcomes, metrics, hues)
        + "".join(rows.section(made) for made in causes.tables(drawn))
        + assumptions(outcomes)
    )
    return document(title, subtitle or _subtitle(outcomes), said[0] if said else "", body)


def _drawn(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> list[Outcome]:
    """Return the outcomes of the best variants, as many as there are colours, in their order."""
    swept = points(outcomes)
    names = [variant for variant, _ in swept[1]] if swept else list(range(len(outcomes)))
    order = {id(outcome): name for outcome, name in zip(outcomes, names, strict=True)}
    best = list(dict.fromkeys(order[id(outcome)] for outcome in verdict.ranking(outcomes, metrics)))[:NO_LEGEND]
    return [outcome for outcome in outcomes if order[id(outcome)] in best]


def _along(drawn: Sequence[Outcome], known: Mapping[str, Metric], labels: Sequence[str], path: str) -> str:
    specs = [spec for name in CURVES if name in known and (spec := sweep(drawn, known[name])) is not None]
    about = f"How the figures change with {path}."
    if any(len(outcome.series.get("seeds", {})) for outcome in drawn):
        about += " Bands reach from the least to the greatest of the seeds."
    if path.endswith("rate"):
        about += " Grey and dashed: every request that arrives meets the SLO."
    return section("Along the sweep", about, specs, labels, "380px")


def _at_once(drawn: Sequence[Outcome], labels: Sequence[str], many: int) -> str:
    some = f" Of {many} variants the best {len(drawn)} are drawn." if many > len(drawn) else ""
    known = curves(drawn)
    twins = "".join(f" The curves of {' and '.join(names)} coincide." for names in alike(known))
    uneven = {o.label: peak_over_mean(o.load) for o in drawn if o.load.work.size}
    peak = max(uneven, key=lambda label: uneven[label], default="")
    remark = f" The largest peak over mean is {uneven[peak]:.3g} ({peak})." if uneven and uneven[peak] >= EVEN else ""
    return (
        section(
            "Latency",
            f"Left is better. The upper ends are what the unluckiest meet.{twins}{some}",
            latency(drawn, known),
            labels,
            "400px",
        )
        + section(
            "Over time",
            "Where the queue grows, the fleet is behind; where the KV cache is full, requests wait or are preempted.",
            timeline(drawn),
            labels,
            "640px",
        )
        + section(
            "Power",
            "Above the dashed line the brake is due. Higher levels are lower clocks.",
            power(drawn),
            labels,
            "640px",
        )
        + section(
            "Jobs and users",
            "Short jobs should not wait for long ones, nor users with little work for those with much. A user is behind"
            " the fluid ideal by what it would have served of their jobs until then and the cluster has not.",
            jobs(drawn),
            labels,
            "640px",
        )
        + _evenness(drawn, labels)
        + _layers(drawn)
        + section(
            "Steps",
            "All ranks wait for the slowest one: what lies above the axis is lost by the mean rank.",
            steps(drawn),
            labels,
            "400px",
        )
        + section(
            "Load by worker",
            f"Even bars share the work evenly; a short bar is capacity left idle.{remark}",
            replicas(drawn),
            labels,
        )
    )


def _layers(drawn: Sequence[Outcome]) -> str:
    """Return the pictures of what runs inside the layers of a model."""
    return (
        section(
            "What runs when",
            "Operations of a few layers in the middle, by what they are bound by; pale ones hold a small share.",
            schedule(drawn),
            (),
            "640px",
        )
        + section(
            "Who computes which expert",
            "Two layers in the middle of a pass: above the CPU, then the device, below what the link moves.",
            experts(drawn),
            (),
            "640px",
        )
        + section(
            "Who computes which pass",
            "The first passes of a step; a row is a device, and what is blank is a bubble.",
            pipeline(drawn),
            (),
            "640px",
        )
        + section(
            "What a checkpoint holds up",
            "The first checkpoints: above the device, then what moves the state to the host and on to storage.",
            checkpoints(drawn),
            (),
            "640px",
        )
    )


def _evenness(drawn: Sequence[Outcome], labels: Sequence[str]) -> str:
    """Return the pictures of how even the experts of a layer become."""
    about = "Left: how soon prices even out the loads, and how well. Right: whose load is how large in the end."
    return section("How even the experts are", about, violation(drawn), labels, "400px")


def _reasons(said: Sequence[str]) -> str:
    return f"<div class='why'>{''.join(f'<p>{html.escape(text)}</p>' for text in said)}</div>\n" if said else ""


def _subtitle(outcomes: Sequence[Outcome]) -> str:
    facts = outcomes[0].facts if outcomes else {}
    same = {name for name in facts if len({str(outcome.facts.get(name)) for outcome in outcomes}) == 1}
    parts = [str(facts[name]) for name in ("model", "device") if name in same]
    if "replicas" in same:
        parts.append(f"{facts['replicas']} replica{'s' if facts['replicas'] != 1 else ''}")
    counts = {len(outcome.items["arrival"]) for outcome in outcomes if "arrival" in outcome.items}
    if len(counts) == 1:
        parts.append(f"{counts.pop():,} requests")
    if limited := limits(outcomes):
        parts.append(f"SLO {limited}")
    return " · ".join(parts)


def _headline(outcomes: Sequence[Outcome], metrics: Sequence[Metric]) -> str:
    """Return the best figures of the headline; of a sweep, those at the point where the best goodput is reached."""
    place = verdict.peak(outcomes, metrics)
    where = ""
    swept = points(outcomes)
    if place is not None and swept is not None:
        pairs = zip(outcomes, swept[1], strict=True)
        outcomes = [replace(outcome, label=variant) for outcome, (variant, value) in pairs if value == place]
        where = f" at {swept[0]} {place:g}"
    entries = []
    for metric in (metric for name in HEADLINE for metric in metrics if metric.name == name):
        values = [outcome.metrics.get(metric.name, float("nan")) for outcome in outcomes]
        finite = [value for value in values if value == value]
        if finite:
            top, rest = (min(finite), max(finite)) if metric.better == "lower" else (max(finite), min(finite))
            whose = _whose(outcomes, values, metric, top, rest)
            entries.append((f"{metric.title}{where}", show(top, metric.unit), whose))
    return cards(entries)


def _whose(outcomes: Sequence[Outcome], values: Sequence[float], metric: Metric, top: float, rest: float) -> str:
    if len(outcomes) == 1:
        return metric.about
    names = [outcome.label for outcome in outcomes]
    marks = table.best(values, metric)
    if not any(marks):
        return f"all {len(outcomes)} alike"
    leaders = [name for name, mark in zip(names, marks, strict=True) if mark]
    named = leaders[0] if len(leaders) == 1 else f"{leaders[0]} and {len(leaders) - 1} more"
    return f"{named}\nworst: {show(rest, metric.unit)} ({names[list(values).index(rest)]})"
