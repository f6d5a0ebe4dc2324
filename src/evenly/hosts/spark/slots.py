"""What Spark itself says of the tasks of a job."""

from typing import Any

MANY = 1_000_000  # tasks of a stage that are asked for at most


def held(context: Any, group: str) -> tuple[float, ...]:
    """Return the seconds for which each task of a job group that ended well held its slot, in the order of their ends.

    They count from the launch of a task to its end, as the driver sees both; all Spark jobs of the group are taken.
    """
    context._jsc.sc().listenerBus().waitUntilEmpty()
    store, tracker = context._jsc.sc().statusStore(), context.statusTracker()
    found: list[tuple[float, float]] = []
    for job in tracker.getJobIdsForGroup(group):
        for stage in tracker.getJobInfo(job).stageIds:
            tasks = store.taskList(stage, 0, MANY).iterator()
            while tasks.hasNext():
                task = tasks.next()
                if task.status() == "SUCCESS":
                    seconds = task.duration().get() / 1000
                    found.append((task.launchTime().getTime() / 1000 + seconds, seconds))
    return tuple(seconds for _, seconds in sorted(found))
