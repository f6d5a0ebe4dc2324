"""The loop that all engines of the twin share: arrivals, passes, ends."""

from collections.abc import Sequence

from tests.serve.twin.blocks import Pool
from tests.serve.twin.host import Host
from tests.serve.twin.jobs import Cost, Job, Pass, Setup, ceil, join_programs
from tests.serve.twin.keep import Kept
from tests.serve.twin.orders import Ledger


class StuckError(Exception):
    """Nothing can run and nobody is to come."""


class Engine:
    """Queues, blocks, and the steps that every engine takes."""

    null_blocks = 0

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.pool = Pool(setup.blocks - self.null_blocks, setup.engine == "vllm-v1" and setup.release == "0.32")
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.swapped: list[Job] = []
        self.host = setup.host
        self.last_prefill = 0.0
        self.ledger = Ledger(setup.order, setup.seed)
        self.kept = Kept(self.pool, setup.ttl)
        self.beyond = Host(setup.host_cache, setup.swap_seconds)

    def compose(self, now: float, batch: Pass) -> None:
        """Fill a pass."""
        raise NotImplementedError

    def first_blocks(self, job: Job) -> int:
        """Return the blocks that must be there for a request to start ever; more than the pool means never."""
        return ceil(job.prompt, self.setup.block)

    def hopeless(self, job: Job) -> bool:
        """Say whether a request can never be served."""
        most = ceil(job.prompt + job.output - 1, self.setup.block)
        return (
            job.prompt + job.output > self.setup.longest
            or most > self.pool.blocks
            or self.first_blocks(job) + self.setup.watermark > self.pool.blocks
        )

    def arrive(self, job: Job) -> None:
        self.ledger.join(job, job.arrival, self.queue())
        self.waiting.append(job)
        if self.setup.priority:
            self.waiting.sort(key=lambda one: one.urgency)

    def queue(self) -> list[Job]:
        """Return those that wait for a seat; some engines keep others beside them."""
        return [job for job in self.waiting if not job.seated]

    def sort_queue(self) -> None:
        """Put those that wait for a seat into their order as it is now."""
        if self.setup.order:
            queue = sorted(self.queue(), key=lambda job: (self.ledger.rank(job), job.arrival, job.index))
            self.waiting = [job for job in self.waiting if job.seated] + queue

    def check(self) -> None:
        """Assert that every block is free or owned by those that list it."""
        tables = [job.table for job in self.waiting + self.running]
        self.pool.check(tables + [stay.table for stay in self.kept.stays])

    def jobs(self) -> list[Job]:
        """Return everybody who is here."""
        return self.waiting + self.running + self.swapped

    def close(self, batch: Pass, end: float) -> list[Job]:
        """End a pass: count its tokens, let the finished leave and return them."""
        leaving = []
        for job, count in batch.items:
            job.computed += count
            if job.rest == 0:
                job.generated += 1
                self.ledger.flow(job).output += 1
                job.decoding = True
                job.times.append(end)
            if job.generated == job.output:
                job.finish = end
                leaving.append(job)
        for job in [one for one in self.running if one in leaving]:
            self.drop(job)
            self.kept.keep(job, end, self.setup.block)
            self.beyond.save(job, self.setup.block, end, waits=False)
        return leaving

    def drop(self, job: Job) -> None:
        """Take a request out and free its blocks."""
        self.running.remove(job)
        self.pool.give_back(job.table)
        job.table = []

    def grow(self, job: Job, count: int) -> bool:
        """Take the blocks for `count` more tokens if they are there."""
        need = ceil(job.computed + count, self.setup.block) - len(job.table)
        if need > len(self.pool.free):
            return False
        job.table += self.pool.take(max(0, need))
        return True

    def preempt(self, job: Job, batch: Pass) -> None:
        """Throw a running request out: swap it to the host or let it be recomputed from the front of the queue."""
        self.drop_blocks(job, batch)
        batch.moved += self.beyond.save(job, self.setup.block, batch.start, waits=True)
        self.running.remove(job)
        job.seated = False
        job.preemptions += 1
        batch.preempted.append(job.index)
        if not self.setup.swap:
            job.computed, job.decoding = 0, False
            self.ledger.join(job, batch.start, self.queue())
            self.waiting.insert(0, job)
            if self.setup.priority:
                self.waiting.sort(key=lambda one: one.urgency)

    def drop_blocks(self, job: Job, batch: Pass) -> None:
        if self.setup.swap:
            if len(job.table) > self.host:
                raise OverflowError("host full")
            self.host -= len(job.table)
            batch.moved += len(job.table)
            batch.swapped_out.append(job.index)
            self.swapped.append(job)
            job_blocks = len(job.table)
            self.pool.give_back(job.table)
            job.table = [-1] * job_blocks
        else:
            self.pool.give_back(job.table)
            job.table = []

    def begin(self, job: Job, now: float) -> None:
        """Move the request from the queue to the running ones."""
        self.waiting.remove(job)
        self.running.append(job)
        self.sit_down(job, now)
        if job.start is None:
            job.start = now
        if job.cached is None:
            job.cached = 0

    def sit_down(self, job: Job, now: float) -> None:
        if not job.seated:
            self.ledger.start(job, now)
        job.seated = True


def serve(engine: Engine, jobs: Sequence[Job], cost: Cost) -> list[Pass]:
    """Serve all jobs and return the passes; the jobs keep their times."""
    coming = sorted((job.arrival, False, job.index) for job in jobs if job.after < 0)
    join_programs(jobs)
    log: list[Pass] = []
    now = 0.0
    changed = False
    while True:
        while coming and coming[0][0] <= now:
            changed = _welcome(engine, jobs, coming) or changed
        if changed:  # a request that is refused wakes nobody
            engine.kept.expire(now)
        batch = _compose(engine, now)
        for index in batch.failed:
            _release(jobs, jobs[index], now, coming)
        if not batch.items:
            if not coming:
                break
            changed = False
            now = max(now, coming[0][0])
            continue
        engine.check()
        _measure(engine, batch, cost)
        log.append(batch)
        now += batch.seconds
        while coming and coming[0][0] < now:  # they see what was counted before the pass ends
            _welcome(engine, jobs, coming)
        changed = True
        for done in engine.close(batch, now):
            _release(jobs, done, now, coming)
    if engine.jobs():
        raise StuckError([job.index for job in engine.jobs()])
    return log


def _compose(engine: Engine, now: float) -> Pass:
    """Fill the next pass that is not empty; a pass that only preempted or gave up is followed by another at once."""
    preempted: list[int] = []
    failed: list[int] = []
    while True:
        batch = Pass(now)
        engine.compose(now, batch)
        preempted += batch.preempted
        failed += batch.failed
        if batch.items or not batch.changed:
            batch.preempted, batch.failed = preempted, failed
            return batch


def _release(jobs: Sequence[Job], done: Job, now: float, coming: list[tuple[float, bool, int]]) -> None:
    """Let those arrive who waited for the end of `done`; at one instant they come after those of the trace."""
    for job in jobs:
        if job.after == done.index:
            job.arrival = now + job.pause
            coming.append((job.arrival, True, job.index))
    coming.sort()


def _welcome(engine: Engine, jobs: Sequence[Job], coming: list[tuple[float, bool, int]]) -> bool:
    """Let the next request come; say whether it stays."""
    job = jobs[coming.pop(0)[2]]
    job.failed = engine.hopeless(job)
    engine.ledger.come(job)
    engine.kept.come(job, not job.failed)
    if job.failed:
        _release(jobs, job, job.arrival, coming)
    else:
        engine.arrive(job)
    return not job.failed


def _measure(engine: Engine, batch: Pass, cost: Cost) -> None:
    """Write down what is in the pass and how long it takes."""
    prompts = [(job, count) for job, count in batch.items if not job.decoding]
    decodes = [job for job, _ in batch.items if job.decoding]
    batch.row = tuple((job.index, count, "decode" if job.decoding else "prompt") for job, count in batch.items)
    batch.chunks = tuple((count, job.computed) for job, count in prompts)
    batch.decodes = len(decodes)
    batch.resident = sum(job.computed for job in decodes)
    batch.longest = max((job.computed for job in decodes), default=0)
    batch.free = len(engine.pool.free)
    chunk = [count for count, _ in batch.chunks]
    before = [held for _, held in batch.chunks]
    batch.seconds = cost(chunk, before, batch.decodes, batch.resident, batch.longest)
    batch.seconds += batch.moved * engine.setup.swap_seconds
    if prompts:
        engine.last_prefill = batch.seconds
