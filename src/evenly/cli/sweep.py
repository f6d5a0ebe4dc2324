"""Run a scenario over a grid."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from evenly.cli.command import Cost, Jobs, Json, Like, Out, Seeds, Sets, app, asked, examples, positive, stem
from evenly.cli.compare import finish


@app.command(
    help_epilogue=examples(
        "evenly sweep chat --over trace.rate=4:16:7",
        "evenly sweep scenario.yaml --over replicas=2,4,8 --over engine=vllm-v1,sarathi --jobs 2",
    )
)
def sweep(
    scenario: str,
    /,
    *,
    over: Annotated[list[str], Parameter(name="--over", negative="")],
    sets: Sets = [],  # noqa: B006
    like: Like = "",
    cost: Cost = None,
    seeds: Seeds = 1,
    jobs: Jobs = 1,
    backend: Literal["loky", "dask"] = "loky",
    scheduler: str = "",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Run a scenario over a grid; a sweep that was stopped goes on where it was.

    Parameters
    ----------
    scenario
        A scenario file, the name of an embedded one, or a trace file.
    over
        One axis of the grid: `trace.rate=2,4,8`, `trace.rate=1:20:10` (from, to, points), `engine=vllm-v1,sarathi`.
    backend
        `loky` uses the cores of this machine, `dask` a Dask cluster (a local one unless --scheduler names another).
    scheduler
        Address of a Dask scheduler.

    """
    from evenly.sweep.plan import cells, grid

    document = asked(scenario, sets, cost, like)
    plan = cells(document, positive("seeds", seeds), grid(over))
    finish(document, plan, out or Path("runs") / f"{stem(scenario)}-sweep", jobs, backend, scheduler, as_json)
