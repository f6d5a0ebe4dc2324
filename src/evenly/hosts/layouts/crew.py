"""Two workers and the memory that they share."""

import multiprocessing
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from evenly.core import Floats
from evenly.hosts.decoder import Reals, Shape
from evenly.hosts.experts.measure import two_cores
from evenly.hosts.layouts.exchange import PATIENCE, Exchange
from evenly.hosts.layouts.network import WORKERS
from evenly.hosts.layouts.worker import Done, Task, work
from evenly.hosts.phases.pool import made


class Crew:
    """Serve tasks with two processes, one a core; `most` is the largest number of tokens of a pass."""

    def __init__(self, shape: Shape, seed: int, most: int) -> None:
        self.shape, self.seed, self.most = shape, seed, most
        self.lines: list[Connection] = []
        self.processes: list[Any] = []
        self.stack = ExitStack()

    def __enter__(self) -> "Crew":
        memory = self.stack.enter_context(made(Exchange.size(self.most, self.shape.width)))
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numpy's products half
        gates = (context.Semaphore(0), context.Semaphore(0))
        cores = two_cores() or (None, None)
        for worker in range(WORKERS):
            ours, theirs = context.Pipe()
            given = (theirs, cores[worker], memory.name, gates, self.shape, self.most, worker)
            process = context.Process(target=work, args=given, daemon=True)
            process.start()
            theirs.close()
            ours.send(self.seed)
            self.lines.append(ours)
            self.processes.append(process)
        for line in self.lines:
            self._answer(line)
        return self

    def __exit__(self, *_: object) -> None:
        for line in self.lines:
            with suppress(OSError):  # a worker that failed has gone
                line.send(None)
        for process in self.processes:
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
        for line in self.lines:
            line.close()
        self.stack.close()

    def serve(self, *tasks: Task, rounds: int = 1) -> "list[Served]":
        """Serve tasks one after the other, and all of them again in each round.

        Raises `ValueError` if a pass has more tokens than the memory is made for.
        """
        for task in tasks:
            self._check(task)
        done = [[self._served(task) for task in tasks] for _ in range(rounds)]
        return [Served(task, list(each)) for task, each in zip(tasks, zip(*done, strict=True), strict=True)]

    def _served(self, task: Task) -> list[Done]:
        for line in self.lines:
            line.send(task)
        return [self._answer(line) for line in self.lines]

    def _check(self, task: Task) -> None:
        sizes = [len(prompt) for prompt in task.prompts]
        largest = max(
            len(one.decodes) + sum(sizes[i] for i in one.prompts) for passes in task.scripts() for one in passes
        )
        if largest > self.most:
            raise ValueError(f"a pass has {largest} tokens, more than the {self.most} of the shared memory")

    def _answer(self, line: Connection) -> Any:
        if not line.poll(2 * PATIENCE):
            raise RuntimeError(f"a worker said nothing for {2 * PATIENCE:g} s")
        try:
            return line.recv()
        except (EOFError, ConnectionError):
            raise RuntimeError("a worker failed; what it said stands above") from None


class Served:
    """What both workers made of a task, in one round or more; every pass counts by the round in which it took least."""

    def __init__(self, task: Task, rounds: list[list[Done]]) -> None:
        self.task, self.rounds = task, rounds
        self.members = range(task.layout.members)

    def tellers(self, member: int) -> list[int]:
        """Return the workers whose times tell those of an engine: all that share its layers, or its last stage.

        The first of them knows its tokens.
        """
        if self.task.layout.tensor > 1:
            return [*range(WORKERS)]
        return [member] if self.task.layout.replicas > 1 else [WORKERS - 1]

    def answer(self, i: int) -> list[int]:
        """Return the tokens of an answer."""
        teller = self.tellers(i % len(self.members))[0]
        return self.rounds[0][teller].texts[i].tokens[len(self.task.prompts[i]) :]

    def scores(self, i: int) -> Reals:
        """Return the scores of all tokens before each token of an answer, shape [tokens, vocabulary]."""
        tellers = self.tellers(i % len(self.members))
        return np.concatenate([np.array(self.rounds[0][teller].texts[i].scores) for teller in tellers], axis=1)

    def laps(self, member: int, turn: int) -> dict[str, float]:
        """Return the seconds of a pass of an engine by operation, the mean of the workers that share it."""
        found = []
        for done in self.rounds:
            laps = [done[teller].laps[member][turn] for teller in self.tellers(member)]
            found.append({name: sum(lap[name] for lap in laps) / len(laps) for name in laps[0]})
        return min(found, key=lambda taken: sum(taken.values()))

    def pace(self) -> Floats:
        """Return the seconds of a token of each answer, from its first to its last; NaN for answers of one."""
        scripts, first, last = self.task.scripts(), np.zeros(len(self.task.prompts)), np.zeros(len(self.task.prompts))
        for member in self.members:
            for one, end in zip(scripts[member], self._ends(member), strict=True):
                first[list(one.prompts)] = end
                last[list(one.texts)] = end
        with np.errstate(invalid="ignore"):
            return np.asarray((last - first) / (self.task.output - 1))

    def _ends(self, member: int) -> Floats:
        """Return when the passes of an engine end, with every pass of its worker as short as in its best round."""
        teller = self.tellers(member)[0]
        every = [np.sort(np.concatenate([np.array(ends) for ends in done[teller].ends])) for done in self.rounds]
        shortest = np.min([np.diff(ends, prepend=ends[0]) for ends in every], axis=0)
        done = self.rounds[0][teller].ends
        return np.asarray(np.cumsum(shortest)[np.searchsorted(every[0], np.array(done[member]))])
