"""The report of a calibration: figures with their confidence, and how well the passes are met."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenly.hardware.calibration.engine import Calibration, short
from evenly.hardware.calibration.fit import Fit
from evenly.hardware.calibration.steps import KINDS, Steps
from evenly.report import rows
from evenly.report.charts.passes import against, curve, residuals
from evenly.report.document import cards, document
from evenly.report.document import section as pictures
from evenly.report.rows import Rows
from evenly.report.units import show
from evenly.sweep.folder import write_text

if TYPE_CHECKING:
    from rich.console import RenderableType

FIGURES = {
    "host": "each pass, outside the model",
    "request": "each request in a pass, outside the model",
    "decode": "each decode, beside its token",
    "prompt": "each prompt piece, beside its tokens",
    "alone": "each pass without decodes",
    "pair": "each pair of prompt token and attended token",
    "context": "each token of context that decodes read",
}
"What the figures are counted for, in the order of the table."


def write(found: Calibration, fit: Fit, steps: Steps, path: Path, notes: Sequence[str] = ()) -> None:
    """Write the page of a calibration at `path`, complete or not at all."""
    write_text(path, page(found, fit, steps, notes))


def page(found: Calibration, fit: Fit, steps: Steps, notes: Sequence[str] = ()) -> str:
    """Return the page of a calibration as HTML; names are escaped."""
    kinds = [KINDS[k] for k in sorted(set(steps.kind().tolist()))]
    body = (
        cards(_headline(found))
        + pictures(
            "Passes",
            "A point is a pass. On the line the fit is exact; above it the pass took longer.",
            [against(steps, fit.fitted), curve(fit.knots, fit.curve)],
            kinds,
            "420px",
        )
        + pictures(
            "What the fit leaves over",
            "A pattern along the tokens would be a form that the model lacks; an even band is noise.",
            residuals(steps, fit.fitted),
            kinds,
            "420px",
        )
        + "".join(rows.section(table) for table in tables(found))
    )
    subtitle = " · ".join(part for part in (found.model, found.machine, short(found.sources)) if part)
    return document(f"Calibration of {found.engine or 'an engine'}", subtitle, sentence(found, notes), body)


def sentence(found: Calibration, notes: Sequence[str] = ()) -> str:
    """Return how well passes are met and what is not known, in words."""
    weight = {kind: [row for row in found.residuals if row.kind == kind] for kind in KINDS}
    parts = []
    for kind, some in weight.items():
        count = sum(row.passes for row in some)
        if count:
            worst = max((row for row in some), key=lambda row: abs(row.p50))
            parts.append(f"{kind} passes are met within {abs(worst.p50):.1%} at the median of every size")
    out = sum(row.outliers for row in found.residuals)
    parts.append(f"{out} of {found.passes:,} passes are outliers")
    said = "; ".join(parts)
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in (said, *found.untold, *notes))


def render(found: Calibration) -> "RenderableType":
    """Return the tables of a calibration, for a terminal."""
    from rich.console import Group
    from rich.padding import Padding

    return Group(*(Padding(rows.terminal(table), (0, 0, 1, 0)) for table in tables(found)))


def tables(found: Calibration) -> list[Rows]:
    """Return the tables: figures, curve, residuals, and the logs."""
    return [_figures(found), _curve(found), _residuals(found), _sources(found)]


def _figures(found: Calibration) -> Rows:
    bounds = {bound.figure: (bound.low, bound.high) for bound in found.confidence}
    lines = []
    for name, what in FIGURES.items():
        value = float(getattr(found.cost, name))
        low, high = bounds.get(name, (float("nan"), float("nan")))
        lines.append((name, _time(value), f"{_time(low)} to {_time(high)}" if low == low else "not told apart", what))
    level, delivery = f"{found.cost.level:.3f}", found.cost.delivery
    lines.append(("level", level, "", "factor on all of it: mean over median"))
    lines.append(("delivery", _time(delivery), "", "each request, outside all passes" if delivery else "not measured"))
    return Rows(
        "Figures",
        "With intervals of a nominal 95%: on synthetic logs nine in ten held the true figure.",
        ("", "fit", "95%", "for"),
        tuple(lines),
    )


def _curve(found: Calibration) -> Rows:
    bounds = {bound.figure: (bound.low, bound.high) for bound in found.confidence}
    lines = []
    for knot, seconds in zip(found.cost.tokens, found.cost.seconds, strict=True):
        low, high = bounds.get(f"curve[{knot}]", (float("nan"), float("nan")))
        lines.append((f"{knot:,}", _time(seconds), f"{_time(low)} to {_time(high)}" if low == low else ""))
    return Rows("Curve over tokens", "Straight lines between.", ("tokens", "fit", "95%"), tuple(lines))


def _residuals(found: Calibration) -> Rows:
    lines = tuple(
        (
            row.kind,
            "-".join(f"{size:,}" for size in dict.fromkeys(row.tokens)),
            f"{row.passes:,}",
            _time(row.measured),
            _time(row.fitted),
            f"{row.p10:+.1%}",
            f"{row.p50:+.1%}",
            f"{row.p90:+.1%}",
            str(row.outliers),
        )
        for row in found.residuals
    )
    heads = ("passes", "tokens", "count", "measured", "fitted", "p10", "p50", "p90", "outliers")
    return Rows("Residuals", "Measured over fitted, less 1; outliers are in all of it.", heads, lines)


def _sources(found: Calibration) -> Rows:
    lines = tuple(
        (Path(source.file).name, source.started, f"{source.passes:,}", f"{source.error:+.1%}", source.sha256[:12])
        for source in found.sources
    )
    about = "The error is the median of the log: how far its machine was from the median of all."
    return Rows("Logs", about, ("log", "started", "passes", "error", "sha256"), lines)


def _headline(found: Calibration) -> list[tuple[str, str, str]]:
    cost = found.cost
    return [
        ("Smallest pass", show((cost.seconds[0] + cost.host) * cost.level, "s"), f"{cost.tokens[0]} tokens"),
        ("Largest pass", show((cost.seconds[-1] + cost.host) * cost.level, "s"), f"{cost.tokens[-1]:,} tokens"),
        ("Host", show(cost.host * cost.level, "s"), "of each pass"),
        ("Passes", show(float(found.passes), ""), short(found.sources)),
    ]


def _time(seconds: float) -> str:
    """Return seconds down to nanoseconds: one pair of tokens takes no more.

    >>> _time(2.5e-8), _time(0.0), _time(0.0123)
    ('25 ns', '0 s', '12.3 ms')
    """
    return f"{seconds * 1e9:.3g} ns" if 0 < abs(seconds) < 1e-6 else show(seconds, "s")
