"""Search set-ups for an objective under limits."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from evenly.cli.command import Jobs, Json, Out, Sets, app, asked, examples, positive, say, screen, stem

if TYPE_CHECKING:
    from evenly.core import Document, Trace
    from evenly.plan.pools import Cluster
    from evenly.plan.scenario import PlanScenario
    from evenly.plan.search import Plan
    from evenly.sweep.search import Found

Limits = Annotated[
    list[str], Parameter(name="--limit", negative="", help="What a plan must keep: `energy<=2`, `slo_share>=0.9`.")
]


@app.command(
    help_epilogue=examples(
        "evenly plan --model llama-3-70b --gpus 8xh100 --trace trace.csv --slo ttft=1,tpot=0.05",
        "evenly plan --model mixtral-8x7b --gpus 2x8xh100 --trace trace.csv --objective cost --limit slo_share>=0.9",
        "evenly plan --model llama-3-8b --gpus 4xh100,8xl40s --trace trace.csv --price h100=2.5,l40s=1",
        "evenly plan --model mixtral-8x7b --gpus 8xh100 --trace trace.csv --cost silicon",
        "evenly plan chat --objective goodput --limit ttft_p99<=2 --over replicas=2,4,8",
    )
)
def plan(
    scenario: str = "",
    /,
    *,
    model: str = "",
    gpus: str = "",
    trace: str = "",
    slo: str = "",
    objective: str = "goodput",
    limits: Limits = [],  # noqa: B006 cyclopts reads the default and never changes it
    over: Annotated[list[str], Parameter(name="--over", negative="")] = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    offline: Annotated[bool, Parameter(negative="")] = False,
    price: str = "1",
    clocks: Annotated[bool, Parameter(negative="")] = False,
    trials: int = 0,
    measured: str = "",
    measured_on: int = 1,
    cost: str = "",
    fill: Annotated[bool, Parameter(negative="")] = False,
    top: int = 5,
    jobs: Jobs = 2,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find how to cut a model over devices for a trace, or the best point in the space of any scenario.

    Parameters
    ----------
    scenario
        A scenario whose space is searched: a file or an embedded name. Without it, --model, --gpus and --trace say
        which model is to be cut over which devices.
    model
        An embedded model (`llama-3-70b`), or a Hugging Face config.json.
    gpus
        `8xh100`, `2x8xh100` for two machines of eight, or several kinds of devices: `4xh100,8xl40s`.
    trace
        Requests that the plan has to serve, in any known format.
    slo
        Limits that goodput counts by, in seconds: `ttft=1,tpot=0.05`.
    objective
        `goodput`, `latency`, `energy`, `cost`, or the name of a metric.
    over
        One axis of a scenario's space, in place of the declared ones: `replicas=1,2,4`.
    offline
        Let all requests of the trace come at once.
    price
        Price of a device for an hour, for the figure `cost`; 1 counts device-hours. Of several kinds:
        `h100=2.5,l40s=1`.
    clocks
        Try lower clocks and other limits of a batch on the best layouts.
    trials
        Choose limits of a batch, policies and clocks on the best layouts by so many trials of optuna; the same question
        goes on where it ended.
    measured
        File of `evenly calibrate`: its engine tells host time and the shares of bandwidth and arithmetic.
    measured_on
        Devices over which that engine cut every layer.
    cost
        Where the seconds of kernels come from: `roofline` (the default), `silicon` for the tables of the extra of that
        name (`silicon-block` where 8-bit weights have a scale for each block), or a folder that LLMServingSim, Vidur or
        AIConfigurator published.
    fill
        Time layouts that have no table in that folder by the roofline, instead of leaving them out.
    top
        How many plans are shown.

    """
    from evenly.plan.limits import limit, together

    kept = together([limit(text) for text in limits])
    place = out or Path("runs") / f"{stem(scenario or trace)}-plan"
    said = {"--model": model, "--gpus": gpus, "--trace": trace}
    if scenario:
        _refuse(
            said | {"--slo": slo, "--measured": measured, "--trials": trials, "--cost": cost},
            f"'{scenario}' says that already",
        )
        points = _points(asked(scenario, sets, None), objective, kept, over, positive("jobs", jobs), as_json)
        _show_points(points, scenario, positive("top", top), place, as_json)
        return
    if missing := [name for name, value in said.items() if not value]:
        raise ValueError(f"{', '.join(missing)} missing: a plan needs a model, devices and a trace, or a scenario")
    if over or sets:
        raise ValueError("--over and --set belong to a scenario; name one, or leave them out")
    from evenly.plan.asked import clusters

    pools = clusters(gpus, price)
    base = _base(model, pools, trace, slo)
    base = _timed(base, pools, cost, fill, measured)
    if measured:
        base = _measured(base, pools, measured, positive("measured-on", measured_on))
    jobs, quiet = positive("jobs", jobs), as_json
    sent = _sent(base, offline)
    best = _layouts(base, pools, sent, objective, kept, jobs, quiet)
    if clocks or trials:
        best = _knobs(best, sent, clocks, trials, place / "trials.journal", jobs, quiet)
    _show_layouts(_rates(best, sent, jobs, quiet), positive("top", top), place, as_json)


def _refuse(given: dict[str, Any], why: str) -> None:
    """Raise `ValueError` if any option was given."""
    if wrong := [name for name, value in given.items() if value]:
        raise ValueError(f"{', '.join(wrong)}: {why}; change it with --set, or leave it out")


def _base(model: str, pools: "list[Cluster]", trace: str, slo: str) -> "PlanScenario":
    """Return the plan scenario whose layouts are searched."""
    from evenly.measure.slo import Slo
    from evenly.plan.asked import objectives
    from evenly.plan.scenario import PlanScenario
    from evenly.traces.sources.file import File

    limits = objectives(slo) if slo else Slo(ttft=1.0, tpot=0.05)
    first = pools[0]
    return PlanScenario(
        trace=File(trace), model=model, device=first.device, node=first.node, slo=limits, price=first.price
    )


def _timed(base: "PlanScenario", pools: "list[Cluster]", cost: str, fill: bool, measured: str) -> "PlanScenario":
    """Return the scenario with the seconds of its kernels from where `--cost` says."""
    from dataclasses import replace

    from evenly.plan.asked import timing

    if cost and measured:
        raise ValueError("--cost and --measured both say how long passes take; name one")
    if fill and not cost:
        raise ValueError("--fill is for layouts that have no table in the folder of --cost; name one")
    if not cost:
        return base
    found = timing(cost, fill)
    if len(pools) > 1 and cost not in ("roofline", "silicon", "silicon-block"):
        raise ValueError(f"--cost {cost} has tables of one kind of devices; name one in --gpus, or take silicon")
    return replace(base, timing=found)


def _measured(base: "PlanScenario", pools: "list[Cluster]", engine: str, tensor: int) -> "PlanScenario":
    """Return the scenario on the terms of an engine that was measured."""
    from evenly.plan.measured import fitted

    if len(pools) > 1:
        raise ValueError("--measured tells of one kind of devices; name one in --gpus, or leave it out")
    return fitted(base, engine, tensor)


def _sent(base: "PlanScenario", offline: bool) -> "Trace":
    from evenly.plan.search import at_once
    from evenly.serve.scenario import servable

    sent = servable(base.trace.draw(0))
    return at_once(sent) if offline else sent


def _layouts(
    base: "PlanScenario",
    pools: "list[Cluster]",
    sent: "Trace",
    objective: str,
    limits: Any,
    jobs: int,
    quiet: bool,
) -> "Plan":
    from evenly.plan.pools import search_pools
    from evenly.plan.search import FORMS, search
    from evenly.report.progress import progress

    with progress("plans", quiet=quiet) as tell:
        if len(pools) > 1:
            return search_pools(base, pools, sent, objective, limits, jobs, tell)
        return search(base, pools[0].devices, sent, objective, limits, jobs, tell, FORMS)


def _knobs(found: "Plan", sent: "Trace", clocks: bool, trials: int, file: Path, jobs: int, quiet: bool) -> "Plan":
    from evenly.plan.knobs import with_knobs
    from evenly.plan.trials import with_trials
    from evenly.report.progress import progress

    if clocks:
        with progress("clocks and batches", quiet=quiet) as tell:
            found = with_knobs(found, sent, jobs, tell)
    if trials:
        with progress("trials", quiet=quiet) as tell:
            found = with_trials(found, sent, positive("trials", trials), file=file, progress=tell)
    return found


def _rates(found: "Plan", sent: "Trace", jobs: int, quiet: bool) -> "Plan":
    from evenly.plan.flips import with_flips
    from evenly.report.progress import progress

    with progress("rates", quiet=quiet) as tell:
        return with_flips(found, sent, jobs, tell)


def _show_layouts(found: "Plan", top: int, place: Path, as_json: bool) -> None:
    from evenly.plan.flags import launches
    from evenly.plan.told import as_json as told
    from evenly.plan.told import sentences, table
    from evenly.report import planned

    if as_json:
        print(json.dumps(told(found, top), indent=1, ensure_ascii=False))
        return
    screen().print(table(found, top))
    for text in sentences(found):
        say(f"\n{text}")
    page = place / "report.html"
    planned.write(found, launches(found.winner), page, title=f"A plan for {found.winner.scenario.model}", top=top)
    say(f"\nReport: {page}")


def _points(document: "Document", objective: str, limits: Any, over: list[str], jobs: int, quiet: bool) -> "Found":
    from evenly.report.progress import progress
    from evenly.sweep.plan import grid
    from evenly.sweep.search import search

    with progress("points", quiet=quiet) as tell:
        return search(document, objective, limits, grid(over), jobs, tell)


def _show_points(found: "Found", scenario: str, top: int, place: Path, as_json: bool) -> None:
    from evenly.report import found as report
    from evenly.report import rows
    from evenly.sweep.search import title
    from evenly.sweep.summary import plain

    if as_json:
        best = [
            {"point": dict(point), "keeps_limits": found.keeps(made), "metrics": plain(made.metrics)}
            for point, made in found.ranked[:top]
        ]
        skipped = [{"point": dict(point), "reason": reason} for point, reason in found.skipped]
        print(json.dumps({"objective": found.objective.name, "best": best, "skipped": skipped}, indent=1))
        return
    screen().print(rows.terminal(report.table(found, top)))
    say(f"\n{report.sentence(found)}")
    if found.skipped:
        say(f"\n{len(found.skipped)} points cannot be; the first: {title(found.skipped[0][0])}: {found.skipped[0][1]}")
    page = place / "report.html"
    report.write(found, page, name=f"A plan for {scenario}", top=top)
    say(f"\nReport: {page}")
