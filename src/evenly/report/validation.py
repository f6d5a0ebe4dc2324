"""The report of a validation: simulated and measured latencies at every load."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenly.core import Outcome
from evenly.measure.agreement import AIM, Agreement
from evenly.report import rows
from evenly.report.charts.latency import Curves, curves, latency
from evenly.report.charts.theme import NO_LEGEND
from evenly.report.document import cards, document
from evenly.report.document import section as pictures
from evenly.report.rows import Rows
from evenly.report.units import NONE, show
from evenly.sweep.folder import write_text
from evenly.sweep.validate import Level

if TYPE_CHECKING:
    from rich.console import RenderableType

UNITS = {"throughput": "req/s", "token_rate": "tokens/s"}
ONE_RUN = "There is one run, so how far runs lie apart is not known."
TITLES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "E2E", "throughput": "Throughput", "token_rate": "Tokens out"}


def write(levels: Sequence[Level], path: Path, *, title: str, engine: str) -> None:
    """Write the page of a validation at `path`, complete or not at all."""
    write_text(path, page(levels, title=title, engine=engine))


def page(levels: Sequence[Level], *, title: str, engine: str) -> str:
    """Return the page of a validation as HTML; names are escaped."""
    body = cards(_headline(levels))
    for level, table in zip(levels, tables(levels), strict=True):
        drawn = [level.simulated, *level.measured[: NO_LEGEND - 1]]
        body += pictures(
            f"At {load(level)}",
            "Where the curves coincide, the simulator is right for that share of the requests.",
            latency(drawn, _known(drawn)),
            [outcome.label for outcome in drawn],
            "400px",
        )
        body += rows.section(table)
    runs = sum(len(level.measured) for level in levels)
    return document(title, f"{engine} · {runs} measured runs", sentence(levels), body)


def sentence(levels: Sequence[Level]) -> str:
    """Return how much of the comparison lies inside its bands, and what is worst, in words."""
    known = [(level, one) for level in levels for one in level.agreements if one.error == one.error]
    if not known:
        return "Nothing could be compared: no request was answered in every run."
    inside = sum(one.inside for _, one in known)
    close = sum(abs(one.error) <= AIM for _, one in known)
    where, worst = max(known, key=lambda pair: abs(pair[1].error))
    parts = [
        f"{inside} of {len(known)} figures lie inside their bands, {close} within {AIM:.0%}",
        f"the largest error is {worst.error:+.1%} ({title(worst)} at {load(where)})",
    ]
    told = ("; ".join(parts), *(note for level in levels for note in level.notes))
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in told)


def render(levels: Sequence[Level]) -> "RenderableType":
    """Return a table for each load, for a terminal."""
    from rich.console import Group
    from rich.padding import Padding

    return Group(*(Padding(rows.terminal(table), (0, 0, 1, 0)) for table in tables(levels)))


def tables(levels: Sequence[Level]) -> list[Rows]:
    """Return a table for each load: simulated, measured, their error, the spread of the runs, and the band."""
    return [_table(level) for level in levels]


def load(level: Level) -> str:
    """Return a load as people name it."""
    rate = f" ({show(level.rate, 'req/s')})" if level.rate == level.rate else ""
    return f"speed {level.speed:g}{rate}"


def title(one: Agreement) -> str:
    """Return the name of a figure as tables show it."""
    return TITLES[one.figure] + one.name.removeprefix(one.figure)


def _table(level: Level) -> Rows:
    schedule = level.scheduled
    heads = ["", "simulated", "measured", "error", "spread", "band", ""]
    heads += ["with measured passes"] if schedule else []
    lines = []
    for one in level.agreements:
        unit = UNITS.get(one.figure, "s")
        cells = [title(one), show(one.simulated, unit), show(one.measured, unit), _percent(one.error)]
        cells += [_percent(one.spread, "{:.1%}"), f"±{one.band:.0%}", _verdict(one)]
        lines.append((*cells, *([_percent(schedule[one.name])] if schedule else [])))
    runs = len(level.measured)
    about = f"The spread is that of {runs} runs: largest less smallest over their mean." if runs > 1 else ONE_RUN
    if schedule:
        about += (
            f" With a run's own passes ({level.met:.0%} found) the error of the schedule is left, mean over the runs."
        )
    marks = tuple(one.inside for one in level.agreements)
    return Rows(f"Figures at {load(level)}", about, tuple(heads), tuple(lines), marks)


def _verdict(one: Agreement) -> str:
    """Return whether a figure agrees; outside its band, whether real runs differ as much among themselves.

    >>> _verdict(Agreement("ttft", 0.5, 1.2, 1.0, 0.5, 0.1)), _verdict(Agreement("ttft", 0.5, 1.2, 1.0, 0.02, 0.1))
    ('outside, within the spread', 'OUTSIDE')
    """
    if one.inside:
        return "inside"
    return "outside, within the spread" if abs(one.error) <= one.spread else "OUTSIDE"


def _known(drawn: Sequence[Outcome]) -> Curves:
    """Return the curves of the kinds that were measured too."""
    return {kind: times if len(times) > 1 else {} for kind, times in curves(drawn).items()}


def _headline(levels: Sequence[Level]) -> list[tuple[str, str, str]]:
    entries = []
    for name in ("ttft", "tpot", "e2e", "throughput"):
        found = [
            (one.error, level)
            for level in levels
            for one in level.agreements
            if one.figure == name and (one.share or 0.5) == 0.5 and one.error == one.error
        ]
        if found:
            error, level = max(found, key=lambda pair: abs(pair[0]))
            what = TITLES[name] if name == "throughput" else f"{TITLES[name]} p50"
            entries.append((f"Error of {what}", f"{error:+.1%}", f"largest of {len(levels)} loads, at {load(level)}"))
    return entries


def _percent(value: float, form: str = "{:+.1%}") -> str:
    return form.format(value) if value == value else NONE
