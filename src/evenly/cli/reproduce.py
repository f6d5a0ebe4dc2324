"""Run published comparisons."""

import json
from typing import Annotated

from cyclopts import Parameter

from evenly.cli.command import Jobs, Json, app, examples, positive, screen


@app.command(help_epilogue=examples("evenly reproduce", "evenly reproduce fastgen --jobs 2 --json"))
def reproduce(
    names: Annotated[list[str] | None, Parameter(negative="")] = None,
    /,
    *,
    seeds: Annotated[int, Parameter(help="Number of seeds, at least 5.")] = 5,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Run published comparisons and print the published figure beside ours; misses are told.

    The exit code is 0 only if every claim lies in its band or is a declared miss.

    Parameters
    ----------
    names
        Published systems (`evenly list papers`); `all` or nothing for all of them.

    """
    from evenly.papers import evidence
    from evenly.papers.reproduce import exit_code
    from evenly.papers.reproduce import reproduce as run
    from evenly.papers.table import table
    from evenly.report.progress import progress

    chosen = evidence.names() if not names or names == ["all"] else names
    for name in chosen:
        evidence.read(name)  # a wrong name is told before anything runs
    rows = []
    for name in chosen:
        with progress(name, quiet=as_json) as tell:
            found = run(name, seeds, positive("jobs", jobs), tell)
        rows += found
        if not as_json:
            screen().print(table(found))
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=1))
    raise SystemExit(exit_code(rows))
