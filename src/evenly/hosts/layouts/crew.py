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

    def serve(self, task: Task) -> "Served":
        """Serve a task; raise `ValueError` if its passes have more tokens than the memory is made for."""
        sizes = [len(prompt) for prompt in task.prompts]
        largest = max(
            len(one.decodes) + sum(sizes[i] for i in one.prompts) for passes in task.scripts() for one in passes
        )
        if largest > self.most:
            raise ValueError(f"a pass has {largest} tokens, more than the {self.most} of the shared memory")
        for line in self.lines:
            line.send(task)
        return Served(task, [self._answer(line) for line in self.lines])

    def _answer(self, line: Connection) -> Any:
        if not line.poll(2 * PATIENCE):
            raise RuntimeError(f"a worker said nothing for {2 * PATIENCE:g} s")
        try:
            return line.recv()
        except EOFError:
            raise RuntimeError("a worker failed; what it said stands above") from None


class Served:
    """What both workers made of a task."""

    def __init__(self, task: Task, done: list[Done]) -> None:
        self.task, self.done = task, done

    def teller(self, member: int) -> Done:
        """Return the worker that knows an engine's tokens first: that of the engine, or the last stage."""
        return self.done[member % WORKERS if self.task.layout.replicas > 1 else WORKERS - 1]

    def answer(self, i: int) -> list[int]:
        """Return the tokens of an answer."""
        text = self.teller(i % self.task.layout.members).texts[i]
        return text.tokens[len(self.task.prompts[i]) :]

    def scores(self, i: int) -> Reals:
        """Return the scores of all tokens before each token of an answer, shape [tokens, vocabulary]."""
        if self.task.layout.tensor > 1:
            return np.concatenate([np.array(done.texts[i].scores) for done in self.done], axis=1)
        return np.array(self.teller(i % self.task.layout.members).texts[i].scores)

    def pace(self) -> Floats:
        """Return the seconds of a token of each answer, from its first to its last; NaN for answers of one."""
        first, last = np.zeros(len(self.task.prompts)), np.zeros(len(self.task.prompts))
        for member, passes in enumerate(self.task.scripts()):
            for one, end in zip(passes, self.teller(member).ends[member], strict=True):
                first[list(one.prompts)] = end
                last[list(one.texts)] = end
        with np.errstate(invalid="ignore"):
            return np.asarray((last - first) / (self.task.output - 1))
