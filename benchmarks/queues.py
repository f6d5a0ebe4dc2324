"""What a decision of each queue costs, beside a sorted list that only knows who came first."""

import random
from bisect import insort
from collections import deque
from collections.abc import Callable

from benchmarks.figures import Figure
from benchmarks.turns import ratio, taken
from evenly.balance.line import Line
from evenly.balance.queues import Queue, Stage, queues
from evenly.balance.queues.uwfq import Uwfq

WAITING = (100, 1_000, 10_000)  # jobs
A_USER = 10  # jobs
TASKS = 4  # of each job
CORES = 32  # of the platform of arXiv 2510.15485
DECISIONS = 2_000
ROUNDS = 5
SORTED = "sorted list"
ALONE = "one user"


class Cluster:
    """A full cluster: whenever a task ends the next starts, and whenever a job ends another comes."""

    def __init__(self, queue: Queue, waiting: int, users: int) -> None:
        self.chance = random.Random(7)
        self.line = Line[tuple[int, int]](queue.open((float(CORES),)))
        self.users = users
        self.left: dict[object, int] = {}
        self.running: deque[tuple[Stage, float]] = deque()
        self.now = 0.0
        for _ in range(waiting):
            self.come()
        for _ in range(CORES):
            self.start()

    def come(self) -> None:
        """Let a job come."""
        number = len(self.left)
        work = self.chance.lognormvariate(0.0, 1.5)
        stage = Stage(number, number, f"user {self.chance.randrange(self.users)}", TASKS, work, work)
        self.left[number] = TASKS
        self.line.moved(self.line.turns.submit(stage, self.now))
        self.line.add(stage, [(number, task) for task in range(TASKS)])

    def start(self) -> None:
        """Start the next task."""
        stage, _ = self.line.pop()
        self.running.append((stage, stage.work / TASKS))
        self.line.moved(self.line.turns.start(stage, self.now))

    def decide(self, decisions: int = DECISIONS) -> None:
        """Let so many tasks end, each followed by the next."""
        turns = self.line.turns
        for _ in range(decisions):
            stage, seconds = self.running.popleft()
            self.now += 1.0 / CORES
            self.line.moved(turns.finish(stage, seconds, self.now))
            self.left[stage.job] -= 1
            if not self.left[stage.job]:
                self.line.leave(stage)
                self.line.moved(turns.leave(stage, self.now))
                self.come()
            self.start()


class Plain:
    """The same with a list of tasks, sorted by who came first."""

    def __init__(self, waiting: int) -> None:
        self.tasks: list[tuple[float, int]] = [(float(job), task) for job in range(waiting) for task in range(TASKS)]
        self.jobs = waiting

    def decide(self, decisions: int = DECISIONS) -> None:
        """Take so many tasks out, and put those of another job in for every four."""
        for _ in range(decisions):
            if self.tasks.pop(0)[1] == TASKS - 1:
                for task in range(TASKS):
                    insort(self.tasks, (float(self.jobs), task))
                self.jobs += 1


def measure() -> list[Figure]:
    """Return the cost of a decision of each queue over that of the list, by how many jobs wait."""
    figures = []
    for waiting in WAITING:
        work: dict[str, Callable[[], object]] = {SORTED: Plain(waiting).decide}
        for name in queues.names():
            work[name] = Cluster(queues[name](), waiting, waiting // A_USER).decide
        work[ALONE] = Cluster(Uwfq(), waiting, users=1).decide
        times = taken(work, ROUNDS)
        each = [second / DECISIONS * 1e6 for second in times[SORTED]]
        figures.append(Figure.of(f"a decision of the sorted list, {waiting:,} jobs wait", each, "us"))
        figures += [ratio(f"`{name}`, {waiting:,} jobs wait", times, name, SORTED) for name in queues.names()]
        figures.append(ratio(f"`uwfq`, {waiting:,} jobs of one user wait", times, ALONE, SORTED))
    return figures
