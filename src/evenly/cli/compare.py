"""Compare policies on one workload."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenly.cli.command import (
    DEFAULT,
    Cost,
    Jobs,
    Json,
    Like,
    Out,
    Seeds,
    Sets,
    app,
    asked,
    examples,
    positive,
    say,
    screen,
    stem,
)

if TYPE_CHECKING:
    from evenly.core import Document
    from evenly.sweep.plan import Cell


@app.command(
    help_epilogue=examples(
        "evenly compare",
        "evenly compare scenario.yaml --seeds 5 --jobs 2",
        "evenly compare trace.csv --set replicas=8",
        "evenly compare trace.csv --like semi-pd",
    )
)
def compare(
    scenario: str = DEFAULT,
    /,
    *,
    sets: Sets = [],  # noqa: B006 cyclopts reads the default and never changes it
    like: Like = "",
    cost: Cost = None,
    seeds: Seeds = 1,
    jobs: Jobs = 1,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compare policies on one workload: a table, a sentence on who wins and why, and report.html.

    Parameters
    ----------
    scenario
        A scenario file, the name of an embedded one (`evenly list scenarios`), or a trace file in any known format,
        on which the engines of the embedded scenario are compared, or those of the one that --like names.

    """
    from evenly.sweep.plan import cells

    document = asked(scenario, sets, cost, like)
    plan = cells(document, positive("seeds", seeds))
    finish(document, plan, out or Path("runs") / stem(scenario), jobs, "loky", "", as_json)


def finish(
    document: "Document", plan: "list[Cell]", out: Path, jobs: int, backend: Any, scheduler: str, as_json: bool
) -> None:
    """Run a plan into the folder `out`, write its report, and print its table or its rows."""
    from evenly.report import page, table, verdict
    from evenly.report.progress import progress
    from evenly.sweep import folder, penalty, record
    from evenly.sweep.execute import run
    from evenly.sweep.scenarios import kind_of
    from evenly.sweep.summary import merge, rows

    metrics = kind_of(document).metrics
    title = str(document.raw.get("name") or Path(document.source).stem)
    folder.prepare(out)
    record.write(plan, title, out)
    with progress("runs", quiet=as_json) as tell:
        outcomes = run(plan, out, positive("jobs", jobs), backend, scheduler, tell)
    merged = merge(plan, outcomes)
    page.write(merged, out / "report.html", title=title, metrics=metrics)
    if as_json:
        print(json.dumps(rows(plan, outcomes), indent=1, ensure_ascii=False))
        return
    console = screen()
    console.print(table.render(merged, metrics))
    sentence = verdict.sentence(merged, metrics)
    console.print(f"\n{sentence}\n" if sentence else "", highlight=False, markup=False)
    if bursts := penalty.sentence(plan, merged):
        console.print(f"{bursts}\n", highlight=False, markup=False)
    say(f"Report: {out / 'report.html'}")
