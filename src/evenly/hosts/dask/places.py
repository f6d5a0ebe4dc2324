"""Which tasks wait for their turn in Dask's scheduler, and on which worker one runs whose turn it is."""

from functools import partial
from typing import Any

from distributed.scheduler import decide_worker

from evenly.hosts.dask.jobs import Kind

SATURATION = 1.1  # Dask's own: how many tasks a worker may have, over its threads, where one may be sent ahead
AHEAD = 0.05  # seconds below which a task may be sent ahead: from there on the wait for the scheduler is under a tenth


def can_wait(scheduler: Any, ts: Any, kind: Kind) -> bool:
    """Tell whether a task may wait in the scheduler, and run on any worker then.

    Not where it is bound to workers or resources, and not where its data would take longer to move than it runs: such
    a task goes to a worker that has its data.
    """
    if ts.actor or not ts._queueable or ts.resource_restrictions or ts.worker_restrictions or ts.host_restrictions:
        return False
    return not ts.dependencies or bool(ts.get_nbytes_deps() <= kind.mean() * scheduler.bandwidth)


def is_short(kind: Kind) -> bool:
    """Tell whether tasks of a kind are so short that a thread would wait for them longer than they are worth."""
    return bool(0 <= kind.prefix.duration_average < AHEAD)


def has_thread(worker: Any) -> bool:
    """Tell whether a worker has a free thread."""
    return bool(len(worker.processing) - len(worker.long_running) < worker.nthreads)


def look_at(scheduler: Any, worker: Any, occupancy: float = -1.0) -> None:
    """Note whether a worker has room: a free thread, or only short tasks and none of them ahead."""
    if occupancy < 0:
        occupancy = worker.occupancy
    type(scheduler).check_idle_saturated(scheduler, worker, occupancy)
    if occupancy >= AHEAD * len(worker.processing) and not has_thread(worker):
        scheduler.idle_task_count.discard(worker)


def fill(scheduler: Any, stimulus_id: str) -> None:
    """Send what waits to workers that have room, until it is the turn of a task that needs a free thread."""
    while scheduler.idle_task_count and scheduler.queued:
        ts = scheduler.queued.peek()
        scheduler.transitions({ts.key: "processing"}, stimulus_id)
        if ts.state == "queued":
            return


def free_worker(scheduler: Any, ts: Any, kind: Kind) -> Any:
    """Return the worker where a task can begin first, `None` if it has to wait; of those that have data of it, if any.

    A short task may be sent ahead to a worker of short tasks, so that its thread does not wait for the scheduler.
    """
    if not ts.dependencies:
        worker = type(scheduler).decide_worker_rootish_queuing_enabled(scheduler)
        return worker if has_thread(worker) or is_short(kind) else None
    free = set(filter(has_thread, scheduler.idle_task_count))
    if not free and is_short(kind):
        free = set(scheduler.idle_task_count)
    return decide_worker(ts, scheduler.running, free, partial(scheduler.worker_objective, ts)) if free else None


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
