"""Which tasks wait for their turn in Dask's scheduler, and on which worker one runs whose turn it is."""

from functools import partial
from typing import Any

from distributed.scheduler import decide_worker

from evenly.hosts.dask.jobs import Kind


def can_wait(scheduler: Any, ts: Any, kind: Kind) -> bool:
    """Tell whether a task may wait in the scheduler, and run on any worker then.

    Not where it is bound to workers or resources, and not where its data would take longer to move than it runs: such
    a task goes to a worker that has its data.
    """
    if ts.actor or not ts._queueable or ts.resource_restrictions or ts.worker_restrictions or ts.host_restrictions:
        return False
    return not ts.dependencies or bool(ts.get_nbytes_deps() <= kind.mean() * scheduler.bandwidth)


def free_worker(scheduler: Any, ts: Any) -> Any:
    """Return the worker with a free thread where a task can begin first; of those that have data of it, if any has."""
    if not ts.dependencies:
        return type(scheduler).decide_worker_rootish_queuing_enabled(scheduler)
    free = set(scheduler.idle_task_count)
    return decide_worker(ts, scheduler.running, free, partial(scheduler.worker_objective, ts))


def wait(scheduler: Any, key: Any, stimulus_id: str) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
    """Queue a task though a thread is free, which Dask's own transition holds to be an error.

    A thread is free for as long as what follows from the end of a task is worked out; then Dask takes from the queue.
    """
    ts = scheduler.tasks[key]
    if scheduler.validate:
        scheduler._validate_ready(ts)
    ts.state = "queued"
    scheduler.queued.add(ts)
    return {}, {}, {}
