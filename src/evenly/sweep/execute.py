"""Run the cells of a comparison or sweep: in this process, on its cores, or on a Dask cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from evenly.core import Outcome
from evenly.core.scenario import Progress, silent
from evenly.sweep import folder
from evenly.sweep.plan import Cell
from evenly.sweep.scenarios import scenario_of

Backend = Literal["loky", "dask"]


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
    the workers of the cluster at `scheduler` (or of a local one) do.
    """
    done: dict[int, Outcome] = {}
    for index, cell in enumerate(cells):
        if out is not None and folder.exists(out / cell.folder):
            done[index] = folder.read(out / cell.folder)
    left = [index for index in range(len(cells)) if index not in done]
    if jobs == 1 and backend == "loky":
        for index in left:
            done[index] = one(cells[index], out, _part(progress, len(done), len(cells)))
            progress(len(done), len(cells))
    else:
        with _workers(jobs, backend, scheduler) as parallel:
            for index, outcome in parallel((index, cells[index], out) for index in left):
                done[index] = outcome
                progress(len(done), len(cells))
    return [done[index] for index in range(len(cells))]


def _part(progress: Progress, base: int, total: int) -> Progress:
    """Return the progress of one run as a part of the whole."""

    def tell(done: float, of: float) -> None:
        progress(base + (done / of if of else 1.0), total)

    return tell


def one(cell: Cell, out: Path | None, progress: Progress = silent) -> Outcome:
    """Run one cell and keep it."""
    outcome = scenario_of(cell.document).run(progress)
    if out is not None and not folder.exists(out / cell.folder):
        folder.write(outcome, cell.document, out / cell.folder)
    return outcome


def _numbered(index: int, cell: Cell, out: Path | None) -> tuple[int, Outcome]:
    return index, one(cell, out)


@contextmanager
def _workers(jobs: int, backend: Backend, scheduler: str) -> Iterator[Callable[..., Any]]:
    from joblib import Parallel, delayed, parallel_config

    call: Callable[..., Any] = delayed(_numbered)

    def parallel(work: Iterator[tuple[int, Cell, Path | None]]) -> Any:
        return Parallel(n_jobs=jobs if jobs > 0 else os.cpu_count(), return_as="generator_unordered")(
            call(*item) for item in work
        )

    if backend == "loky":
        with parallel_config(backend="loky"):
            yield parallel
        return
    try:
        from dask.distributed import Client
    except ImportError:
        raise ValueError("the Dask backend needs the extra: pip install 'evenly[dask]'") from None
    local: dict[str, Any] = {"n_workers": max(1, jobs), "threads_per_worker": 1, "dashboard_address": None}
    open_client: Any = Client
    with open_client(scheduler) if scheduler else open_client(**local), parallel_config(backend="dask"):
        yield parallel
