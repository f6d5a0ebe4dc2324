"""The table of all figures on a page, and what each of them means."""

import html
from collections.abc import Mapping, Sequence
from itertools import groupby

from evenly.core import Metric, Outcome
from evenly.report import table
from evenly.report.charts.sweep import points


def figures(outcomes: Sequence[Outcome], metrics: Sequence[Metric], hues: Mapping[str, int]) -> str:
    """Return the section with one row a metric and one column an outcome; `hues` are the colours of drawn variants."""
    rows, terms = [], []
    for metric in metrics:
        if not table.known(outcomes, metric):
            continue
        factor, unit = table.unit_of(outcomes, metric)
        starts = _starts(outcomes)
        cells = "".join(
            f"<td{_classes(mark, first)}>{html.escape(table.cell(outcome, metric, factor))}</td>"
            for outcome, mark, first in zip(outcomes, table.marks(outcomes, metric), starts, strict=True)
        )
        about = html.escape(metric.about, quote=True)
        head = f"{html.escape(metric.title)} <em>{html.escape(unit)}</em>"
        rows.append(f'<tr title="{about}"><th>{head}</th>{cells}</tr>')
        terms.append(f"<div><dt>{html.escape(metric.title)}</dt><dd>{about}</dd></div>")
    if not rows:
        return ""
    where = "row" if points(outcomes) is None else "row at each point of the sweep"
    spread = ""
    if any(len(outcome.series.get("seeds", {})) for outcome in outcomes):
        spread = " Figures are means over the seeds, ± their standard deviation."
    return (
        f"<section><h2>All figures</h2><p class='about'>The best of each {where} is marked, with those within "
        f"{100 * table.TIE:g}% of it.{spread}</p><div class='wide'><table><thead>{_heads(outcomes, hues)}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f"<details><summary>What the rows mean</summary><dl>{''.join(terms)}</dl></details></section>\n"
    )


def _heads(outcomes: Sequence[Outcome], hues: Mapping[str, int]) -> str:
    """Return the rows of headings: the variants, and below them the points of a sweep."""

    def chip(name: str) -> str:
        return f"<i class='hue-{hues[name]}'></i>" if len(hues) > 1 and name in hues else ""

    swept = points(outcomes)
    if swept is None:
        names = [f"<th>{chip(outcome.label)}{broken(outcome.label or 'run')}</th>" for outcome in outcomes]
        return f"<tr><th></th>{''.join(names)}</tr>"
    groups = [(variant, len(list(group))) for variant, group in groupby(variant for variant, _ in swept[1])]
    upper = "".join(
        f"<th class='group' colspan='{count}'>{chip(variant)}{broken(variant)}</th>" for variant, count in groups
    )
    lower = "".join(
        f"<th{_classes(False, first)}>{value:g}</th>"
        for (_, value), first in zip(swept[1], _starts(outcomes), strict=True)
    )
    return f"<tr><th></th>{upper}</tr><tr><th>{html.escape(swept[0])}</th>{lower}</tr>"


def broken(label: str) -> str:
    """Return a label as HTML that may be broken where knobs and their values begin.

    >>> broken("queue=uwfq,grace:2.0")
    'queue=<wbr>uwfq,<wbr>grace:<wbr>2.0'
    """
    return "<wbr>".join(html.escape(part) for part in table.PARTS.findall(label))


def _starts(outcomes: Sequence[Outcome]) -> list[bool]:
    """Tell which columns begin a new variant of a sweep."""
    swept = points(outcomes)
    if swept is None:
        return [False] * len(outcomes)
    names = [variant for variant, _ in swept[1]]
    return [k == 0 or names[k] != names[k - 1] for k in range(len(names))]


def _classes(best: bool, first: bool) -> str:
    names = [name for name, wanted in (("best", best), ("first", first)) if wanted]
    return f" class='{' '.join(names)}'" if names else ""
