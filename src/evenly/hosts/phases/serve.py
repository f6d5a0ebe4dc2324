"""A prompt worker and a decode worker, two processes, over one pool that a resident process holds.

The resident process owns blocks and queues: it sends each worker what to compute in its next pass and takes in what
came out, so that blocks have one owner and need no lock.

Workers can be replaced under load: new ones start while the old ones go on, and each old one stops at the end of its
own pass once both new ones are ready, which they are after passes of their own that nobody sees. The resident process
waits for neither: a thread starts new workers, and a replaced one ends by itself. So a lane that has work gets its next
pass in the same turn of the loop that takes in the last one, whoever computes it: a change of workers adds no pass to a
gap between tokens, and nothing to wait for. What it does take are the cores on which the new ones start.
"""

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from evenly.core import Ints
from evenly.hosts.decoder import Cache, Network, Shape, forward
from evenly.hosts.phases.pool import BLOCK, Account, attached, gather, made, page_bytes, pages, scatter

Task = list[tuple[int, Ints, int, Ints]]
"""Of each request in a pass: its number, block table, positions held, tokens to compute."""
WARM = 3  # passes of a new worker that nobody sees: the first ones of a process are slow
PATIENCE = 60.0  # seconds without a word from any worker after which something is wrong


@dataclass(slots=True)
class Text:
    """A request and how far it is."""

    prompt: Ints
    output: int
    tokens: list[int] = field(default_factory=list)
    table: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def held(self) -> int:
        """Return the positions that are computed: the last token is not."""
        return len(self.prompt) + len(self.tokens) - 1


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass of a lane as the resident process saw it; times in seconds of the monotonic clock."""

    lane: str
    worker: int
    "How often the lane's worker had been replaced."
    texts: tuple[int, ...]
    "Those that got a token."
    sent: float
    taken: float
    cpu: float
    "Seconds of processor time that the worker took: comparable where other work shares the cores."


@dataclass(slots=True)
class Worker:
    """The resident process's end of a worker."""

    process: Any
    line: Connection
    lane: str
    number: int
    ready: bool = False
    sent: float = 0.0
    busy: bool = False


def work(line: Connection, memory: str, shape: Shape, seed: int, blocks: int, share: float) -> None:
    """Compute passes until told to stop; rest between them so that `share` of the time is used."""
    network = Network(shape, seed)
    with attached(memory) as shared:
        pool = pages(shared, shape, blocks)
        for _ in range(WARM):
            every = gather(pool, shape, np.arange(blocks), min(blocks * BLOCK, shape.context) - 1)
            forward(network, [(every, np.zeros(1, np.int64)), (Cache(shape), np.zeros(1, np.int64))])
        line.send("ready")
        while (task := line.recv()) is not None:
            begin, used = time.monotonic(), time.process_time()
            batch = [(gather(pool, shape, table, held), tokens) for _, table, held, tokens in task]
            following = forward(network, batch)
            for (_, table, held, _), (cache, _) in zip(task, batch, strict=True):
                scatter(pool, cache, table, held)
            time.sleep((time.monotonic() - begin) * (1.0 / share - 1.0))
            made = [(entry[0], int(token)) for entry, token in zip(task, following, strict=True)]
            line.send((made, time.process_time() - used))
        del pool
    line.send("stopped")


class Resident:
    """Serve texts with two workers; `switches` tells after how many tokens to change to which shares (0 to 1)."""

    def __init__(
        self,
        texts: Mapping[int, Text],
        shape: Shape,
        seed: int,
        blocks: int,
        chunk: int,
        switches: Sequence[tuple[int, float, float]] = (),
    ) -> None:
        most = max((-(-(len(text.prompt) + text.output) // BLOCK) for text in texts.values()), default=0)
        if most > blocks:
            raise ValueError(f"a text needs {most} blocks of {BLOCK} tokens, but the pool has {blocks}")
        self.texts = texts
        self.shape, self.seed, self.blocks, self.chunk = shape, seed, blocks, chunk
        self.switches = list(switches)
        self.waiting = list(texts)
        self.decoding: list[int] = []
        self.account = Account(np.zeros(1 + blocks, np.int64))
        self.given = 0
        self.workers: dict[str, Worker] = {}
        self.coming: dict[str, Worker] = {}
        self.hiring: Future[dict[str, Worker]] | None = None
        self.leaving: list[Worker] = []
        self.passes: list[Pass] = []

    @property
    def retired(self) -> int:
        """Return how many workers were replaced."""
        return len(self.leaving)

    def serve(self) -> dict[int, list[int]]:
        """Return the tokens of every text; a change of workers that began is completed."""
        with made(page_bytes(self.shape, self.blocks)) as memory, ThreadPoolExecutor(1) as office:
            self.workers = self._hire(memory.name, 1.0, 1.0, 0)
            try:
                while self.hiring or self.coming or any(len(text.tokens) < text.output for text in self.texts.values()):
                    self._switch(memory.name, office)
                    self._send()
                    if any(worker.busy or not worker.ready for worker in self._present()):
                        self._listen()
                    elif self.hiring is not None:  # nothing else is left to do
                        self.hiring.result(PATIENCE)
            finally:
                if self.hiring is not None:
                    self.coming = self.hiring.result(PATIENCE)
                for worker in self._present():
                    worker.line.send(None)
                for worker in (*self.leaving, *self._present()):
                    self._bury(worker)
        return {i: text.tokens for i, text in self.texts.items()}

    def _present(self) -> list[Worker]:
        """Return the workers that serve and those that will."""
        return [*self.workers.values(), *self.coming.values()]

    def _hire(self, memory: str, prompts: float, decodes: float, number: int) -> dict[str, Worker]:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numpy's products half
        workers = {}
        for name, share in (("prompts", prompts), ("decodes", decodes)):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=work, args=(theirs, memory, self.shape, self.seed, self.blocks, share), daemon=True
            )
            process.start()
            theirs.close()
            workers[name] = Worker(process, ours, name, number)
        return workers

    def _bury(self, worker: Worker) -> None:
        """Wait until a worker that was told to stop has ended its pass and is gone."""
        while worker.process.is_alive() and worker.line.poll(PATIENCE):
            if worker.line.recv() == "stopped":
                break
        worker.process.join(PATIENCE)
        worker.line.close()

    def _switch(self, memory: str, office: ThreadPoolExecutor) -> None:
        """Ask for new workers when it is time; hand over to each once both are ready and the old one's pass is over."""
        if self.switches and self.given >= self.switches[0][0] and not self.coming and self.hiring is None:
            _, prompts, decodes = self.switches.pop(0)
            self.hiring = office.submit(self._hire, memory, prompts, decodes, self.workers["decodes"].number + 1)
        if self.hiring is not None and self.hiring.done():
            self.coming, self.hiring = self.hiring.result(PATIENCE), None
        if len(self.coming) == 2 and not all(worker.ready for worker in self.coming.values()):
            return
        for name in list(self.coming):
            old = self.workers[name]
            if not old.busy:
                old.line.send(None)
                self.leaving.append(old)
                self.workers[name] = self.coming.pop(name)

    def _send(self) -> None:
        """Give each idle worker its next pass."""
        tasks = {"decodes": self._decodes, "prompts": self._prompts}
        for name, following in tasks.items():
            worker = self.workers[name]
            if worker.ready and not worker.busy and (task := following()):
                worker.sent = time.monotonic()
                worker.line.send(task)
                worker.busy = True

    def _decodes(self) -> Task:
        """Return the next token of all that decode."""
        texts = [(i, self.texts[i]) for i in self.decoding]
        return [(i, text.table, text.held, np.array(text.tokens[-1:], np.int64)) for i, text in texts]

    def _prompts(self) -> Task:
        """Take waiting texts in order until the chunk is full or the blocks of a whole text are missing."""
        task: Task = []
        tokens = 0
        while self.waiting and tokens < self.chunk:
            i = self.waiting[0]
            text = self.texts[i]
            text.table = self.account.allocate(1 + i, -(-(len(text.prompt) + text.output) // BLOCK))
            if len(text.table) == 0:
                break
            self.waiting.pop(0)
            task.append((i, text.table, 0, text.prompt))
            tokens += len(text.prompt)
        return task

    def _listen(self) -> None:
        """Take in what a worker says; computed prompts join the next pass of the decodes."""
        workers = self._present()
        heard = wait([worker.line for worker in workers], PATIENCE)
        if not heard:
            raise RuntimeError(f"no worker said a word for {PATIENCE:g} s")
        for worker in workers:
            if worker.line not in heard:
                continue
            said = worker.line.recv()
            if said == "ready":
                worker.ready = True
                continue
            worker.busy = False
            tokens, cpu = said
            texts = tuple(i for i, _ in tokens)
            self.passes.append(Pass(worker.lane, worker.number, texts, worker.sent, time.monotonic(), cpu))
            for i, token in tokens:
                self._take(i, token)

    def _take(self, i: int, token: int) -> None:
        text = self.texts[i]
        text.tokens.append(token)
        self.given += 1
        if len(text.tokens) == 1:
            self.decoding.append(i)
        if len(text.tokens) == text.output:
            self.decoding.remove(i)
            self.account.release(1 + i, text.table)
