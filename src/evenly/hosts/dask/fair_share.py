"""A plug-in of Dask's scheduler: users share the cluster by a queue."""

import math
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from time import time
from typing import Any

from distributed.collections import HeapSet
from distributed.diagnostics.plugin import SchedulerPlugin

from evenly.balance.queues import Queue
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.dask import places
from evenly.hosts.dask.accounts import OPEN, Accounts, logger, seconds_of
from evenly.hosts.dask.jobs import OWN
from evenly.hosts.dask.stealing import pause, resume
from evenly.hosts.dask.waiting import Waiting

REPLACED = (
    "is_rootish", "decide_worker_rootish_queuing_enabled", "check_idle_saturated", "stimulus_queue_slots_maybe_opened",
    "_TRANSITIONS_TABLE",
)  # fmt: skip


class FairShare(SchedulerPlugin):
    """Share a cluster between users: whose queued task a free thread gets is the queue's decision.

    A user is who `dask.annotate(user=...)` says, else the name of the client. A job is one graph, or all graphs of a
    user annotated with the same `job`. A task is estimated to take the seconds of `dask.annotate(estimate=...)`, else
    the scheduler's mean for its name; what tasks of the job have taken corrects both. In a job Dask's order stays, and
    the `priority` of a user sorts their own tasks only.

    It stops work stealing. What can run waits for its turn in the scheduler, and then goes to a free thread, of a
    worker that has its data if there is one; only short tasks are sent ahead to a thread that has one already. Tasks
    with restrictions, and those whose data would take longer to move than they run, go to workers as they become
    ready, there in the order of turns. Where anything in it fails, the error is logged and Dask goes on with its own
    queue; so it does when the plug-in is removed.
    """

    name = "evenly-fair-share"

    def __init__(self, queue: Queue | None = None) -> None:
        self.queue: Queue = Uwfq() if queue is None else queue
        self._scheduler: Any = None
        self._accounts: Any = None
        self._saturation = places.SATURATION
        self._stealing: str | None = None
        self._ready: Any = None  # the task that Dask asks for a worker for, unless it is the queue's first
        self._asked = False  # whether free threads are going to be filled in a moment

    async def start(self, scheduler: Any) -> None:
        """Take the place of the scheduler's own queue."""
        if isinstance(scheduler.queued, Waiting):  # of one that is replaced, or was removed and has not noticed yet
            scheduler.queued.give_back(None)
        self._stealing = await pause(scheduler)
        self._take(scheduler)
        logger.info(
            "Users share this cluster by %s; worker-saturation is %s, work stealing is off",
            self.queue,
            places.SATURATION,
        )

    def update_graph(
        self, scheduler: Any, *, client: str, tasks: list[Any], annotations: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """Note whose the tasks of a graph are, and what they are estimated to take."""
        try:
            self._accounts.graph(client, tasks, annotations)
        except Exception as error:
            self.give_back(error)

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Note what happens to a task."""
        accounts = self._accounts
        if accounts is None:
            return
        try:
            if start == "processing":
                seconds = seconds_of(kwargs["startstops"]) if "startstops" in kwargs else 0.0
                accounts.closed(key, finish, accounts.stopped(key, seconds))
            elif finish == "processing":
                accounts.started(key)
            elif start in OPEN:  # one that was refused while it was sent has failed already
                if finish not in OPEN and key in accounts.unfinished:
                    accounts.closed(key, finish, 0.0)
            elif finish in OPEN:
                accounts.opened(key)
            elif finish != "released":
                accounts.gone(key, finish)
        except Exception as error:
            self.give_back(error)

    def restart(self, scheduler: Any) -> None:
        """Begin anew: the scheduler has forgotten all tasks."""
        if self._accounts is not None:
            self._open()

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Begin with the threads that are there before the first task: those of workers that have come since."""
        if self._accounts is not None and not self._accounts.begun:
            self._open()

    def give_back(self, error: Exception | None = None) -> Any:
        """Let Dask go on by itself, with all that waits; return its queue."""
        scheduler, self._scheduler, self._accounts = self._scheduler, None, None
        if error is not None:
            logger.error("Users share this cluster no longer; Dask's own order holds from here", exc_info=error)
        waiting = list(scheduler.queued)
        for ts in scheduler.tasks.values():
            if ts.priority is not None:
                ts.priority = ts.priority[-OWN:]
        scheduler.queued = HeapSet(key=attrgetter("priority"))
        for ts in waiting:
            scheduler.queued.add(ts)
        for name in REPLACED:
            delattr(scheduler, name)
        scheduler.stream_handlers["long-running"] = scheduler.handle_long_running
        if not math.isinf(self._saturation):  # without a queue Dask could not empty the one that there is
            self._saturate(scheduler, self._saturation)
        if self._stealing is not None:
            resume(scheduler, self._stealing)
        for name in [name for name, plugin in scheduler.plugins.items() if plugin is self]:
            scheduler.remove_plugin(name)
        return scheduler.queued

    def _take(self, scheduler: Any) -> None:
        """Put a queue in the place of the scheduler's, with all that waits there."""
        self._scheduler, self._saturation = scheduler, scheduler.WORKER_SATURATION
        waiting = list(scheduler.queued.sorted())
        self._open()
        for ts in waiting:
            scheduler.queued.add(ts)
        scheduler.is_rootish = self._queues
        scheduler.decide_worker_rootish_queuing_enabled = self._worker
        scheduler.check_idle_saturated = partial(places.look_at, scheduler)
        scheduler.stimulus_queue_slots_maybe_opened = partial(places.fill, scheduler)
        scheduler._TRANSITIONS_TABLE = {**type(scheduler)._TRANSITIONS_TABLE, ("waiting", "queued"): places.wait}
        scheduler.stream_handlers["long-running"] = self._long_running
        self._saturate(scheduler, places.SATURATION)

    def _open(self) -> None:
        """Begin with nothing known but what the scheduler knows."""
        scheduler = self._scheduler
        threads = float(max(scheduler.total_nthreads, 1))
        self._accounts = Accounts(scheduler, self.queue.open((threads,)), threads)
        line, parts = self._accounts.line, self._accounts.unfinished
        scheduler.queued = Waiting(line, scheduler.tasks, parts, self.give_back)
        self._accounts.adopt()

    def _queues(self, ts: Any) -> bool:
        """Tell whether a task that can run waits for its turn where no thread is free; its priority is that turn."""
        scheduler = self._scheduler
        if self not in scheduler.plugins.values():
            self.give_back()
            return bool(scheduler.is_rootish(ts))
        try:
            self._accounts.rank(ts)
        except Exception as error:
            self.give_back(error)
            return bool(scheduler.is_rootish(ts))
        self._ready = ts if places.can_wait(scheduler, ts, self._accounts.unfinished[ts.key].kind) else None
        return self._ready is not None

    def _worker(self) -> Any:
        """Return a worker for the task that Dask has asked about last; `None` if it waits for its turn.

        What becomes ready as another task ends goes behind whose turn is before, though that thread is free now: else a
        chain of tasks would keep its thread to its end.
        """
        scheduler, ts, self._ready = self._scheduler, self._ready, None
        if not scheduler.idle_task_count:
            return None
        try:
            if ts is None:
                ts = scheduler.queued.peek()
            elif len(scheduler.queued) and self._accounts.before(scheduler.queued.peek(), ts):
                self._fill()
                return None
            return places.free_worker(scheduler, ts, self._accounts.unfinished[ts.key].kind)
        except Exception as error:
            self.give_back(error)
            return scheduler.decide_worker_rootish_queuing_enabled()

    def _fill(self) -> None:
        """Let free threads be filled when what happens now has been worked out.

        After most events Dask does so itself, but not when a task asks to be scheduled anew, or data is lost: by its
        own rules such a task takes the thread.
        """
        if not self._asked:
            self._asked = True
            self._scheduler.loop.asyncio_loop.call_soon(self._filled, self._scheduler)

    def _filled(self, scheduler: Any) -> None:
        self._asked = False
        scheduler.stimulus_queue_slots_maybe_opened(stimulus_id=f"{self.name}-{time()}")

    def _long_running(self, key: Any, worker: str, run_id: int, **message: Any) -> None:
        """Note that a task has given its thread back before Dask gives the thread to another."""
        scheduler = self._scheduler
        ts = scheduler.tasks.get(key)
        if ts is not None and ts.run_id == run_id and ts.processing_on and ts.processing_on.address == worker:
            try:
                self._accounts.seceded(key)
            except Exception as error:
                self.give_back(error)
        scheduler.handle_long_running(key=key, worker=worker, run_id=run_id, **message)

    @staticmethod
    def _saturate(scheduler: Any, saturation: float) -> None:
        scheduler.WORKER_SATURATION = saturation
        for worker in scheduler.workers.values():
            scheduler.check_idle_saturated(worker)
