"""Two processes over one pool: tokens as from one process, blocks conserved, nobody lost when workers change."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from evenly.hosts.decoder import Decoder, Shape
from evenly.hosts.phases.pool import Account, attached, made
from evenly.hosts.phases.serve import Resident, Text, Worker

SHAPE = Shape(layers=2, width=32, heads=2, vocabulary=200, context=256)
BLOCKS = 64
ROUNDS = 5000  # allocations and releases of each of two processes


def shuffle(memory: str, owner: int, seed: int, rounds: int, lock: Any, answer: Any) -> None:
    """Allocate and release at random; answer how often a block was not this process's own any more."""
    chance = np.random.default_rng(seed)
    lost = 0
    with attached(memory) as shared:
        account = Account(np.ndarray(1 + BLOCKS, np.int64, shared.buf), lock)
        mine: list[Any] = []
        answer.send("ready")
        answer.recv()
        for _ in range(rounds):
            if mine and chance.random() < 0.5:
                lost += not account.release(owner, mine.pop(int(chance.integers(len(mine)))))
            else:
                mine.append(account.allocate(owner, int(chance.integers(1, 5))))
        for blocks in mine:
            lost += not account.release(owner, blocks)
        del account.cells
    answer.send(lost)


def races(locked: bool) -> int:
    """Let two processes interleave; return the blocks lost or owned twice, and 1 more if the count is wrong."""
    context = multiprocessing.get_context("spawn")
    lock = context.Lock() if locked else None
    with made(Account.size(BLOCKS)) as memory:
        lines = []
        for owner in (1, 2):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=shuffle, args=(memory.name, owner, owner, ROUNDS, lock, theirs), daemon=True
            )
            process.start()
            lines.append((ours, process))
        assert all(line.recv() == "ready" for line, _ in lines)
        for line, _ in lines:
            line.send("go")
        lost = sum(int(line.recv()) for line, _ in lines)
        for _, process in lines:
            process.join()
        cells = np.array(np.ndarray(1 + BLOCKS, np.int64, memory.buf))
        return lost + int(cells[0] != 0) + int(np.count_nonzero(cells[1:]))


def test_ten_thousand_interleaved_allocations_conserve_blocks_and_own_none_twice() -> None:
    assert races(locked=True) == 0


def test_without_the_lock_the_same_interleavings_lose_blocks() -> None:
    assert races(locked=False) > 0


def texts(seed: int, count: int) -> dict[int, Text]:
    chance = np.random.default_rng(seed)
    return {
        i: Text(chance.integers(0, SHAPE.vocabulary, int(chance.integers(1, 60))), int(chance.integers(1, 20)))
        for i in range(count)
    }


def alone(asked: dict[int, Text]) -> dict[int, list[int]]:
    decoder = Decoder(SHAPE, {i: text.prompt for i, text in asked.items()}, seed=3)
    return {i: decoder.alone(i, text.output) for i, text in asked.items()}


@pytest.mark.parametrize("blocks", [6, 40])
def test_two_processes_give_the_tokens_of_one(blocks: int) -> None:
    asked = texts(1, 12)
    resident = Resident(asked, SHAPE, seed=3, blocks=blocks, chunk=64)
    assert resident.serve() == alone(asked)
    assert resident.account.balanced()
    assert resident.account.cells[0] == 0


def test_workers_change_under_load_and_no_text_is_lost() -> None:
    chance = np.random.default_rng(2)
    prompts = [chance.integers(0, SHAPE.vocabulary, int(chance.integers(1, 60))) for _ in range(90)]
    asked = {i: Text(prompt, int(chance.integers(70, 150))) for i, prompt in enumerate(prompts)}
    resident = Resident(asked, SHAPE, seed=3, blocks=48, chunk=32, switches=[(20, 0.9, 0.9)])
    tokens = resident.serve()
    assert resident.retired == 2
    assert {i: len(found) for i, found in tokens.items()} == {i: text.output for i, text in asked.items()}
    few = {i: asked[i] for i in range(0, 90, 30)}
    assert {i: tokens[i] for i in few} == alone(few)
    assert resident.account.cells[0] == 0


class Watched(Resident):
    """Hold that nobody waits for a change of workers: new ones are late on purpose, old ones are buried in the end."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.late = threading.Event()
        self.lanes_left_idle = 0

    def _hire(self, memory: str, prompts: float, decodes: float, number: int) -> dict[str, Worker]:
        assert number == 0 or self.late.wait(60.0), "the resident process waits for new workers"
        return super()._hire(memory, prompts, decodes, number)

    def _listen(self) -> None:
        worker = self.workers["decodes"]
        self.lanes_left_idle += bool(self.decoding and worker.ready and not worker.busy)
        super()._listen()
        if self.hiring and len(self.passes) - self.asked > 40:
            self.late.set()

    def _switch(self, memory: str, office: ThreadPoolExecutor) -> None:
        before = self.hiring
        super()._switch(memory, office)
        if before is None and self.hiring is not None:
            self.asked = len(self.passes)

    def _bury(self, worker: Worker) -> None:
        assert all(len(text.tokens) == text.output for text in self.texts.values()), "somebody waits for an old worker"
        super()._bury(worker)


def test_a_change_of_workers_adds_no_pass_and_no_wait_to_a_gap_between_tokens() -> None:
    """The bound of a gap: one pass of the lane, which is sent in the turn that takes in the one before."""
    chance = np.random.default_rng(2)
    prompts = [chance.integers(0, SHAPE.vocabulary, int(chance.integers(1, 60))) for _ in range(60)]
    asked = {i: Text(prompt, int(chance.integers(70, 150))) for i, prompt in enumerate(prompts)}
    early = [(200, 0.9, 0.9)]  # new workers start slowly on a busy machine
    resident = Watched(asked, SHAPE, seed=3, blocks=48, chunk=32, switches=early)
    resident.serve()
    decodes = [done for done in resident.passes if done.lane == "decodes"]
    assert resident.lanes_left_idle == 0
    assert sum(done.worker == 0 for done in resident.passes[resident.asked :]) > 40, "the old ones served meanwhile"
    turn = next(k for k, done in enumerate(decodes) if done.worker == 1)
    assert all(done.worker == 1 for done in decodes[turn:])
    given = dict.fromkeys(asked, 1)
    for one, following in pairwise(decodes):
        for i in one.texts:
            given[i] += 1
        assert {i for i in one.texts if given[i] < asked[i].output} <= set(following.texts), "a text missed a pass"


def test_a_text_larger_than_the_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 blocks of 16 tokens, but the pool has 1"):
        Resident({0: Text(np.zeros(20, np.int64), 2)}, SHAPE, seed=0, blocks=1, chunk=8)
