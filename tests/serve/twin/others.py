"""Sarathi-Serve, Orca and DeepSpeed-FastGen."""

from tests.serve.twin.engine import Engine
from tests.serve.twin.jobs import Job, Pass, ceil
from tests.serve.twin.vllm import V0


class Sarathi(V0):
    """All decodes, then chunks of running prompts, then waiting prompts whose blocks fit as a whole."""

    def compose(self, now: float, batch: Pass) -> None:
        place = 0
        while place < len(self.running):
            job = self.running[place]
            if job.decoding:
                if not self.room(job, 1, batch):
                    break
                batch.items.append((job, 1))
            place += 1
        budget = self.setup.budget - len(batch.items)
        for job in self.running:
            count = min(job.rest, budget)
            if not job.decoding and count > 0:
                batch.items.append((job, count))
                budget -= count
        self.start_prompts(now, batch, budget)

    def cut(self, job: Job, budget: int) -> int:
        return max(0, min(job.length, budget))


class Orca(Engine):
    """Whole prompts together with all decodes; room for the longest sequence; nobody is preempted."""

    def first_blocks(self, job: Job) -> int:
        return ceil(self.setup.longest, self.setup.block)

    def compose(self, now: float, batch: Pass) -> None:
        batch.items = [(job, 1) for job in self.running]
        need = ceil(self.setup.longest, self.setup.block)
        while self.waiting and len(self.running) < self.setup.seats and need <= len(self.pool.free):
            self.sort_queue()
            job = self.waiting[0]
            job.table = self.pool.take(need)
            self.begin(job, now)
            batch.items.append((job, job.length))


class FastGen(Engine):
    """Decodes, then prompts cut to fill every pass; who finds no block waits; a deadlock flushes one request.

    `waiting` is the buffer: everybody who is not in the pass under way. `running` holds the pass.
    """

    def compose(self, now: float, batch: Pass) -> None:
        setup = self.setup
        decodes = [job for job in self.waiting if job.decoding]
        for job in decodes[: min(setup.batch, setup.budget)]:
            if self.grow(job, 1):
                self.board(job, 1, now, batch)
        while True:
            self.sort_queue()
            prompts = [one for one in self.waiting if not one.decoding]
            if not prompts:
                break
            job = prompts[0]
            left = setup.budget - sum(count for _, count in batch.items)
            if len(batch.items) >= setup.batch or left <= 0:
                break
            if not self.pool.free and not (job.table and self.tracked() == 1):  # alone, it may fill its last block
                break
            need = ceil(job.length, setup.block) - len(job.table)
            if need > len(self.pool.free) or (not job.table and self.tracked() >= setup.seats):
                break
            count = min(job.rest, left)
            assert self.grow(job, count)
            self.board(job, count, now, batch)
        if not batch.items and self.tracked():
            victim = [job for job in self.waiting if job.table][-1]
            self.waiting.remove(victim)
            victim.seated = False
            self.ledger.join(victim, now, self.queue())
            self.waiting.append(victim)
            self.pool.give_back(victim.table)
            victim.table, victim.computed, victim.decoding = [], 0, False
            victim.preemptions += 1
            batch.preempted.append(victim.index)

    def board(self, job: Job, count: int, now: float, batch: Pass) -> None:
        self.begin(job, now)
        batch.items.append((job, count))

    def tracked(self) -> int:
        """Return how many requests hold blocks."""
        return sum(bool(job.table) for job in self.jobs())

    def close(self, batch: Pass, end: float) -> list[Job]:
        leaving = super().close(batch, end)
        for job in list(self.running):
            self.running.remove(job)
            if job.decoding:
                self.waiting.append(job)  # it comes back with its new token
            else:
                self.waiting.insert(0, job)  # the rest of a prompt comes first
        return leaving
