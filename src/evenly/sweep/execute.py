"""Run the cells of a comparison or sweep: in this process, on its cores, or on a Dask cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from evenly.core import Outcome
from evenly.core.files import explain
from evenly.core.scenario import Progress, silent
from evenly.sweep import folder
from evenly.sweep.plan import Cell
from evenly.sweep.scenarios import scenario_of

Backend = Literal["loky", "dask"]
Task = tuple[int, Cell, Path | None]
SHOWN = 5  # failures told one by one; they are mostly alike


def run(
    cells: list[Cell],
    out: Path | None = None,
    jobs: int = 1,
    backend: Backend = "loky",
    scheduler: str = "",
    progress: Progress = silent,
) -> list[Outcome]:
    """Run every cell and return the outcomes in order.

    With `out`, each outcome is kept in a folder there as soon as it is complete, and cells whose folder exists are
    read instead of run: a sweep that was stopped goes on where it was. `jobs` processes share the work; with `dask`
    the workers of the cluster at `scheduler` (or of a local one) do, and see the same files under the same names.
    Every run is tried; raises `ValueError` that names those whose scenario or policy fails. The others are kept.
    """
    if out is not None:
        folder.prepare(out)
    places = [out.resolve() / cell.folder if out is not None else None for cell in cells]
    done = {index: folder.read(place) for index, place in enumerate(places) if place and folder.exists(place)}
    progress(len(done), len(cells))
    tasks = [(index, cell, places[index]) for index, cell in enumerate(cells) if index not in done]
    failed: dict[int, str] = {}
    for index, found in _results(tasks, len(done), jobs, backend, scheduler, progress):
        if isinstance(found, Outcome):
            done[index] = found
        else:
            failed[index] = found
        progress(len(done) + len(failed), len(cells))
    if failed:
        told = [failed[index] for index in sorted(failed)]
        more = [f"and {len(told) - SHOWN} more runs that fail"] if len(told) > SHOWN else []
        raise ValueError("\n".join(told[:SHOWN] + more))
    return [done[index] for index in range(len(cells))]


def one(cell: Cell, place: Path | None, progress: Progress = silent) -> Outcome:
    """Run one cell and keep it at `place`; raise `ValueError` that names the cell if it cannot run."""
    try:
        outcome = scenario_of(cell.document).run(progress)
    except Exception as error:
        name = " ".join(word for word in (cell.title, f"seed={cell.seed}") if word)
        what = explain(error)  # a policy of the user's own may raise anything
        if what or isinstance(error, ValueError):
            raise ValueError(f"{name}: {what or error}") from error
        error.add_note(f"in the run {name}")
        raise
    if place is not None:
        folder.write(outcome, cell.document, place)
    return outcome


def _results(
    tasks: list[Task], begun: int, jobs: int, backend: Backend, scheduler: str, progress: Progress
) -> Iterator[tuple[int, Outcome | str]]:
    """Yield the number of each cell with its outcome, or with the message of its failure, as they end."""
    if not tasks:
        return
    if jobs == 1 and backend == "loky":
        for count, task in enumerate(tasks, begun):
            yield _tried(*task, _part(progress, count, begun + len(tasks)))
        return
    with _workers(jobs, backend, scheduler) as parallel:
        yield from parallel(tasks)


def _tried(index: int, cell: Cell, place: Path | None, progress: Progress = silent) -> tuple[int, Outcome | str]:
    try:
        return index, one(cell, place, progress)
    except ValueError as error:
        return index, str(error)


def _part(progress: Progress, base: int, cells: int) -> Progress:
    """Return the progress of one run as a part of the whole."""

    def tell(done: float, total: float) -> None:
        progress(base + (done / total if total else 1.0), cells)

    return tell


@contextmanager
def _workers(jobs: int, backend: Backend, scheduler: str) -> Iterator[Callable[..., Any]]:
    from joblib import Parallel, delayed, parallel_config

    call: Callable[..., Any] = delayed(_tried)

    def parallel(tasks: list[Task]) -> Any:
        # One at a time: a run takes seconds, and a sweep that is stopped should lose as few as possible.
        return Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(call(*task) for task in tasks)

    if backend == "loky":
        with parallel_config(backend="loky"):
            yield parallel
        return
    with _client(jobs, scheduler), parallel_config(backend="dask"):
        yield parallel


@contextmanager
def _client(jobs: int, scheduler: str) -> Iterator[Any]:
    """Connect to a Dask cluster, or start one on this machine that listens to this machine alone."""
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise ValueError("the Dask backend needs the extra: pip install 'evenly[dask]'") from None
    open_client: Any = Client
    if not scheduler:
        local: Any = LocalCluster
        with (
            local(n_workers=jobs, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
            open_client(cluster) as client,
        ):
            yield client
        return
    try:
        client = open_client(scheduler)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at '{scheduler}': {error}") from None
    with client:
        yield client
