"""What a comparison rests on: every constant, those that all variants share and those that differ."""

import html
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenly.core import Outcome
from evenly.measure.slo import Slo
from evenly.report.charts.latency import limits_of
from evenly.report.charts.sweep import points
from evenly.report.units import NONE, show

MANY = 1e6  # a larger number is told with a letter: 2G instead of 2000000000.0
LABELS = {"slo": "limits (SLO)"}


def assumptions(outcomes: Sequence[Outcome]) -> str:
    """Return the section with the facts; where variants differ, one row a variant."""
    load = workload(outcomes)
    outcomes = _variants(outcomes)
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.facts))
    values = {name: [text(name, outcome.facts.get(name)) for outcome in outcomes] for name in names}
    same = [name for name in names if len(set(values[name])) == 1]
    shared = [("workload", load), *((name, values[name][0]) for name in same)]
    entries = "".join(
        f"<div><dt>{html.escape(LABELS.get(name, name))}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in shared
        if value
    )
    if not names and not load:
        return ""
    return (
        "<section><h2>What was assumed</h2><p class='about'>Every constant that the figures rest on. Seconds, tokens "
        f"and bytes where no unit stands.</p><dl>{entries}</dl>"
        f"{_differing(outcomes, {name: values[name] for name in names if name not in same})}</section>\n"
    )


def text(name: str, value: str | int | float | None) -> str:
    """Return a fact as people read it.

    >>> text("activation bytes", 2e9), text("kv_tokens", 452041), text("slo", "ttft:2000 tbt:200"), text("seed", 7)
    ('2G', '452,041', 'TTFT at most 2 s, TBT at most 200 ms', '7')
    """
    if value is None:
        return NONE
    if name == "slo":
        slo = Slo.parse(str(value))
        given = [(limit, getattr(slo, limit)) for limit in ("ttft", "tpot", "tbt", "e2e")]
        return ", ".join(f"{limit.upper()} at most {show(most, 's')}" for limit, most in given if most is not None)
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, float) and abs(value) >= MANY:
        return show(value, "")
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def workload(outcomes: Sequence[Outcome]) -> str:
    """Return how many requests of what length arrived how fast, as far as all outcomes met the same."""
    told = [_told(outcome) for outcome in outcomes]
    same = [parts[0] for parts in zip(*told, strict=True) if len(set(parts)) == 1] if all(told) else []
    return ", ".join(same)


def limits(outcomes: Sequence[Outcome]) -> str:
    """Return the limits that all outcomes share, for a subtitle; empty without any."""
    given = limits_of(outcomes)
    return ", ".join(f"{name.upper()} ≤ {show(limit, 's')}" for name, limit in given.items())


def _told(outcome: Outcome) -> list[str]:
    items = outcome.items
    if not {"arrival", "prompt", "output"} <= set(items) or len(items["arrival"]) == 0:
        return []
    span = float(np.ptp(items["arrival"]))
    rate = f"{show(len(items['arrival']) / span, 'req/s')} over {show(span, 's')}" if span > 0 else "all at once"
    prompt, output = float(items["prompt"].mean()), float(items["output"].mean())
    return [f"{len(items['arrival']):,} requests", rate, f"mean prompt {prompt:,.0f} and output {output:,.0f} tokens"]


def _variants(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome a variant of a sweep whose points differ in nothing but their number; else all of them."""
    swept = points(outcomes)
    if swept is None:
        return list(outcomes)
    kept: dict[tuple[str, str], Outcome] = {}
    for (variant, _), outcome in zip(swept[1], outcomes, strict=True):
        kept.setdefault((variant, repr(sorted(outcome.facts.items()))), outcome)
    names = [variant for variant, _ in kept]
    if len(set(names)) < len(names):
        return list(outcomes)
    return [replace(outcome, label=variant) for (variant, _), outcome in kept.items()]


def _differing(outcomes: Sequence[Outcome], values: dict[str, list[str]]) -> str:
    if not values:
        return ""
    heads = "".join(f"<th>{html.escape(LABELS.get(name, name))}</th>" for name in values)
    rows = "".join(
        f"<tr><th>{html.escape(outcome.label or 'run')}</th>"
        + "".join(f"<td class='text'>{html.escape(column[k])}</td>" for column in values.values())
        + "</tr>"
        for k, outcome in enumerate(outcomes)
    )
    return (
        "<h3>Where the variants differ</h3><div class='wide'><table class='texts'><thead><tr><th></th>"
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
