"""vLLM: version 0 with prompts first, version 0 with chunks, version 1."""

from tests.serve.twin.engine import Engine
from tests.serve.twin.jobs import Job, Pass, ceil


class V0(Engine):
    """Whole prompts alone in a pass, else all decodes."""

    def compose(self, now: float, batch: Pass) -> None:
        if not self.swapped and not self.held(now):
            self.start_prompts(now, batch, self.setup.budget)
        if batch.items:
            return
        if self.setup.priority:
            self.usurp(batch)
        usurped = len(batch.preempted)
        self.decode(batch)
        if len(batch.preempted) == usurped:
            self.swap_in(now, batch, self.setup.budget - len(batch.items))

    def held(self, now: float) -> bool:
        """Say whether prompts wait although they might fit, so that more of them run together."""
        if self.setup.delay == 0 or not self.running or not self.waiting:
            return False
        return now - min(job.arrival for job in self.waiting) <= self.setup.delay * self.last_prefill

    def start_prompts(self, now: float, batch: Pass, budget: int) -> None:
        while self.waiting and len(self.running) < self.setup.seats:
            self.sort_queue()
            job = self.waiting[0]
            need = ceil(job.length, self.setup.block)
            if need + self.setup.watermark > self.pool.blocks:
                self.waiting.remove(job)
                job.failed = True
                batch.failed.append(job.index)
                continue
            count = self.cut(job, budget)
            if count == 0 or need + self.setup.watermark > len(self.pool.free):
                return
            job.table = self.pool.take(need)
            self.begin(job, now)
            batch.items.append((job, count))
            budget -= count

    def cut(self, job: Job, budget: int) -> int:
        """Return the tokens of a waiting prompt that fit: all or none."""
        return job.length if job.length <= budget else 0

    def usurp(self, batch: Pass) -> None:
        """Preempt less urgent requests while the most urgent waiting one does not fit."""
        self.running.sort(key=lambda job: job.urgency)
        head = self.waiting[0] if self.waiting else None
        while head and self.running and self.running[-1].urgency > head.urgency:
            need = ceil(head.length, self.setup.block) + self.setup.watermark
            if need <= len(self.pool.free) and len(self.running) < self.setup.seats:
                return
            self.preempt(self.running[-1], batch)

    def decode(self, batch: Pass) -> None:
        place = 0
        while place < len(self.running):
            job = self.running[place]
            if self.room(job, 1, batch):
                batch.items.append((job, 1))
                place += 1

    def room(self, job: Job, count: int, batch: Pass) -> bool:
        """Find blocks for a running request by preempting from the tail; it may be itself the victim."""
        while not self.grow(job, count):
            victim = self.running[-1]
            self.preempt(victim, batch)
            if victim is job:
                return False
        return True

    def swap_in(self, now: float, batch: Pass, budget: int) -> None:
        while self.swapped and budget > 0 and len(self.running) < self.setup.seats:
            job = self.swapped[0]
            held = len(job.table)
            if self.running and held + 1 + self.setup.watermark > len(self.pool.free):
                return  # an empty engine takes it back whatever the watermark says
            self.swapped.pop(0)
            self.host += held
            job.table = self.pool.take(held)
            batch.moved += held
            batch.swapped_in.append(job.index)
            self.running.append(job)
            self.sit_down(job, now)
            count = min(job.rest, budget)
            assert self.grow(job, count)
            batch.items.append((job, count))
            budget -= count


class V0Chunked(V0):
    """Running requests in order within a budget, then swapped ones, then waiting prompts cut to what is left."""

    def compose(self, now: float, batch: Pass) -> None:
        budget = self.setup.budget
        place = 0
        while place < len(self.running) and budget > 0:
            job = self.running[place]
            count = min(job.rest, budget)
            if not self.room(job, count, batch):
                break
            batch.items.append((job, count))
            budget -= count
            place += 1
        before = list(self.running)
        if not batch.changed:
            taken = len(batch.items)
            self.swap_in(now, batch, budget)
            budget -= sum(count for _, count in batch.items[taken:])
        back = self.running[len(before) :]
        self.start_prompts(now, batch, budget)
        self.line_up(before, back, batch)

    def line_up(self, before: list[Job], back: list[Job], batch: Pass) -> None:
        """Order the line for the next pass: those left out, those swapped in, decodes, ending prompts, others, new."""
        taken = {job.index: count for job, count in batch.items}

        def kind(job: Job) -> int:
            if job in back:
                return 1 if job.decoding else 2
            if job not in before:
                return 6
            if job.index not in taken:
                return 0
            if job.decoding:
                return 3
            return 4 if taken[job.index] == job.rest else 5

        self.running.sort(key=kind)

    def cut(self, job: Job, budget: int) -> int:
        return min(job.length, budget)


class V1(Engine):
    """One budget; prompts start when their first chunk fits; blocks are found again by content."""

    null_blocks = 1

    def first_blocks(self, job: Job) -> int:
        return 0

    def compose(self, now: float, batch: Pass) -> None:
        alone = len(self.running) + len(self.waiting) <= 1
        self.threshold = 1 << 40 if alone and self.setup.release == "0.32" else self.setup.threshold
        budget = self.run_on(batch)
        if not batch.preempted:
            self.start_prompts(now, batch, budget)

    def run_on(self, batch: Pass) -> int:
        """Give running requests their tokens and return what is left of the budget."""
        budget = self.setup.budget
        place = 0
        while place < len(self.running) and budget > 0:
            job = self.running[place]
            count = min(job.rest, self.threshold, budget)
            while not self.grow(job, count):
                if len(self.running) == 1 and self.kept.give_up():
                    continue
                victim = max(self.running, key=lambda one: one.urgency) if self.setup.priority else self.running[-1]
                if self.running.index(victim) < place:
                    place -= 1
                budget += sum(tokens for one, tokens in batch.items if one is victim)
                batch.items = [item for item in batch.items if item[0] is not victim]
                self.preempt(victim, batch)
                if victim is job:
                    return budget
            batch.items.append((job, count))
            budget -= count
            place += 1
        return budget

    def start_prompts(self, now: float, batch: Pass, budget: int) -> None:
        passed: list[Job] = []
        while budget > 0 and len(self.running) < self.setup.seats:
            self.sort_queue()
            job = next((one for one in self.waiting if one not in passed), None)
            if job is None:
                return
            found = self.hits(job)
            beyond = self.beyond.hits(job, len(found), self.setup.block, now)
            hit = (len(found) + beyond) * self.setup.block
            count = min(job.length - hit, self.threshold)
            if not self.setup.chunked and count > budget:
                if self.setup.release == "0.32":
                    return
                passed.append(job)
                continue
            count = min(count, budget)
            upto = job.length if self.setup.whole else hit + count
            fresh = ceil(upto, self.setup.block) - len(found)
            asleep = sum(self.pool.owners[block] == 0 for block in found)
            mark = self.setup.watermark if self.running else 0
            if fresh + asleep + mark > len(self.pool.free):
                if not self.running and self.kept.give_up():
                    continue
                return
            self.pool.share(found)
            self.kept.seat(job)
            job.table, job.computed = list(found), hit
            batch.moved += self.beyond.load(job, len(found), beyond, self.setup.block)
            if job.cached is None:
                job.cached = hit
            if hit:
                batch.hits[job.index] = hit
            self.begin(job, now)
            assert self.grow(job, count)
            batch.items.append((job, count))
            budget -= count

    def hits(self, job: Job) -> list[int]:
        """Return the known blocks that hold the beginning of a request, never all of its tokens."""
        found: list[int] = []
        for place in range((job.length - 1) // self.setup.block if self.setup.cache else 0):
            block = self.pool.find(job.content(place, self.setup.block))
            if block is None:
                break
            found.append(block)
        return found

    def grow(self, job: Job, count: int) -> bool:
        """Take blocks; those that this pass fills are known at once."""
        if not super().grow(job, count):
            return False
        if self.setup.cache:
            for place in range((job.computed + count) // self.setup.block):
                self.pool.label(job.table[place], job.content(place, self.setup.block))
        return True
