"""Distribution of latencies."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenly.core import Floats, Outcome
from evenly.measure.slo import Slo
from evenly.report.charts.theme import TIME_LABEL, dashes, decades, hue, panel, rounded, ticks

SHARES = np.concatenate([np.linspace(0, 0.98, 140), np.linspace(0.981, 1.0, 20)])
KINDS = (
    ("Time to first token", "ttft", "requests"),
    ("Longest gap of a request", "tbt", "requests"),
    ("Gaps between tokens", "gaps", "gaps"),
    ("End to end", "e2e", "requests"),
)
LEAST = 0.004  # share of the fastest that may start left of the picture: they would squeeze the rest
NEAR = 3  # a limit that lies so many times beyond the curves is still drawn

Curves = Mapping[str, Mapping[str, Floats]]


def curves(outcomes: Sequence[Outcome]) -> Curves:
    """Return the times in seconds at `SHARES` by kind and label; outcomes that do not know them are left out."""
    found: dict[str, dict[str, Floats]] = {}
    for _, kind, _ in KINDS:
        times = {outcome.label: quantiles(outcome, kind) for outcome in outcomes}
        found[kind] = {label: seconds for label, seconds in times.items() if len(seconds)}
    return found


def latency(outcomes: Sequence[Outcome], known: Curves) -> list[dict[str, Any]]:
    """Return cumulative distributions of TTFT, gaps and end-to-end latency on logarithmic time, with the SLO."""
    labels = [outcome.label for outcome in outcomes]
    limits = limits_of(outcomes)
    drawn = [_panel(labels, known[kind], title, what, limits.get(kind)) for title, kind, what in KINDS]
    return [spec for spec in drawn if spec is not None]


def alike(known: Curves) -> list[list[str]]:
    """Return the groups of variants whose latencies are all equal: one curve hides the other."""
    groups: dict[bytes, list[str]] = {}
    for label in dict.fromkeys(label for times in known.values() for label in times):
        whole = b"".join(times[label].tobytes() for times in known.values() if label in times)
        groups.setdefault(whole, []).append(label)
    return [labels for labels in groups.values() if len(labels) > 1]


def limits_of(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the limits of the SLO that all outcomes share, in seconds."""
    texts = {str(outcome.facts.get("slo", "")) for outcome in outcomes}
    slo = Slo.parse(texts.pop()) if len(texts) == 1 else Slo()
    return {name: limit for name in ("ttft", "tbt", "e2e") if (limit := getattr(slo, name)) is not None}


def _panel(
    labels: Sequence[str], times: Mapping[str, Floats], title: str, what: str, limit: float | None
) -> dict[str, Any] | None:
    known = {label: seconds for label, seconds in times.items() if seconds[-1] > 0}
    if not known:
        return None
    most = max(float(seconds[-1]) for seconds in known.values())
    start = int(np.searchsorted(SHARES, LEAST))
    least = max(min(float(seconds[start]) for seconds in known.values()), most / 1e6)
    domain = _domain(least, most, limit)
    limited = limit is not None and domain[0] < limit < domain[1]
    rows = [
        {"variant": label, "seconds": rounded(second), "share": rounded(share)}
        for label, seconds in known.items()
        for second, share in zip(seconds.tolist(), SHARES.tolist(), strict=True)
        if second > 0
    ]
    x = {
        "field": "seconds",
        "type": "quantitative",
        "scale": {"type": "log", "domain": domain, "nice": False},
        "title": f"at most this long (log scale{', dashed line: SLO' if limited else ''})",
        "axis": {"labelExpr": TIME_LABEL, **ticks(decades(*domain))},
    }
    y = {"field": "share", "type": "quantitative", "title": f"share of {what}", "axis": {"format": ".0%"}}
    tips = [
        {"field": "variant", "type": "nominal"},
        {"field": "seconds", "type": "quantitative", "format": ".3s", "title": "seconds"},
        {"field": "share", "type": "quantitative", "format": ".1%"},
    ]
    dash = dashes({label: known[label].tobytes() for label in labels if label in known})
    line = {
        "mark": {"type": "line", "clip": True},
        "encoding": {"x": x, "y": y, "color": hue(labels), "tooltip": tips, **dash},
    }
    rule = {
        "mark": {"type": "rule", "strokeDash": [3, 4], "size": 1, "opacity": 0.75},
        "encoding": {"x": {"datum": limit}},
    }
    return panel(title, data={"values": rows}, layer=[line, rule] if limited else [line])


def _domain(least: float, most: float, limit: float | None) -> list[float]:
    """Return the ends of the time axis: at least a factor of two apart, and with the limit if it lies near."""
    if limit is not None and least / NEAR <= limit <= most * NEAR:
        least, most = min(least, limit / 1.1), max(most, limit * 1.1)
    spread = max(1.0, math.sqrt(2 * least / most))
    return [rounded(least / spread), rounded(most * spread)]


def quantiles(outcome: Outcome, kind: str) -> Floats:
    """Return the times in seconds at `SHARES`; empty if the outcome does not know them."""
    items = outcome.items
    if kind == "gaps":
        curve = outcome.series.get("gaps")
        if curve is None or len(curve["seconds"]) == 0 or np.isnan(curve["seconds"]).any():
            return np.empty(0)
        return np.asarray(np.interp(SHARES, curve["q"], curve["seconds"]))
    if "finish" not in items:
        return np.empty(0)
    if kind == "tbt":
        times = items["worst_gap"][(items["output"] > 1) & np.isfinite(items["finish"])]
    else:
        times = items["first_token" if kind == "ttft" else "finish"] - items["arrival"]
    times = times[np.isfinite(times)]
    return np.asarray(np.quantile(times, SHARES)) if len(times) else np.empty(0)
