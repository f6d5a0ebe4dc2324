"""The simulator once more, plain and slow: at each moment all that can start is looked for among all that waits."""

from evenly.balance.queues import Queue, Stage, standing
from evenly.traces.jobs.job import Jobs


def twin(jobs: Jobs, slots: int, queue: Queue, tasks: dict[tuple[int, int], list[float]]) -> list[float]:
    """Return when each job ends, on so many slots, with the given seconds of each stage's tasks."""
    turns = queue.open((float(slots),))
    submit = {k: job.submit for k, job in enumerate(jobs.jobs) if job.follows < 0}
    waiting: dict[tuple[int, int], list[float]] = {}
    stages: dict[tuple[int, int], Stage] = {}
    running: list[tuple[float, int, tuple[int, int], float]] = []  # end, order of start, stage, begin
    left = {key: len(each) for key, each in tasks.items()}
    finish: dict[int, float] = {}
    order: dict[tuple[int, int], int] = {}
    started = 0

    def begin(key: tuple[int, int], now: float) -> None:
        job = jobs.jobs[key[0]]
        work = sum(part.work for part in job.parts)
        stages[key] = Stage(key, key[0], job.user, len(tasks[key]), job.parts[key[1]].work, work)
        turns.submit(stages[key], now)
        waiting[key] = list(tasks[key])
        order[key] = len(order)

    def place(key: tuple[int, int]) -> tuple[int, int]:
        return min(order[other] for other in order if other[0] == key[0]), order[key]

    while len(finish) < len(jobs):
        now = min([time for k, time in submit.items() if k not in finish] + [task[0] for task in running])
        for task in sorted(task for task in running if task[0] == now):
            running.remove(task)
            _, _, key, since = task
            turns.finish(stages[key], now - since, now)
            left[key] -= 1
            if left[key] == 0:
                job = jobs.jobs[key[0]]
                for k, part in enumerate(job.parts):
                    if key[1] in part.after and all(left[key[0], parent] == 0 for parent in part.after):
                        begin((key[0], k), now)
                turns.leave(stages[key], now)
                if all(left[key[0], k] == 0 for k in range(len(job.parts))):
                    finish[key[0]] = now
                    submit |= {k: now + one.submit for k, one in enumerate(jobs.jobs) if one.follows == key[0]}
        for number in sorted(k for k, time in submit.items() if time == now):
            del submit[number]
            for k, part in enumerate(jobs.jobs[number].parts):
                if not part.after:
                    begin((number, k), now)
        while len(running) < slots and any(waiting.values()):
            some = [key for key, each in waiting.items() if each]
            key = min(some, key=lambda key: (standing(turns, turns.pool(stages[key])), place(key)))
            turns.start(stages[key], now)
            running.append((now + waiting[key].pop(0), started, key, now))
            started += 1
    return [finish[k] for k in range(len(jobs))]
