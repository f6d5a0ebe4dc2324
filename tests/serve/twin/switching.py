"""Seats that are switched, in plain Python: everybody is ranked, chosen and looked at before every pass.

Pages are numbers in lists, and every page of the device knows whose it is and until when a copy of it is under way:
`Device.take` fails if a page is given away too early.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kernel.plain_groups import PlainGroups
from tests.serve.twin.jobs import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A replica, its host and the link between them."""

    blocks: int
    host: int
    block: int
    longest: int
    seats: int
    watermark: int
    every: int
    group: int = 0
    merged: bool = False
    background: bool = False
    adaptive: bool = False
    reuse: bool = False
    run_seconds: float
    page_seconds: float
    start_seconds: float
    price: Callable[[Sequence[int], Sequence[int], int, int, int], float]
    rank: Callable[[int, int], float]
    "(request, looks so far) -> rank"


@dataclass(slots=True, kw_only=True, eq=False)
class Ask:
    """A request, how far it is, and where its tokens are."""

    index: int
    arrival: float
    prompt: int
    output: int
    after: int = -1
    pause: float = 0.0
    told: bool = False
    "Whether it repeats all of the turn before."
    rank: float = 0.0
    times: list[float] = field(default_factory=list)
    state: str = "away"  # coming, prompt, decode
    context: int = 0
    "Tokens on the device."
    row: int = -1
    copy: "Copy | None" = None
    ready: float = -math.inf
    starved: bool = False
    start: float = math.nan
    preemptions: int = 0
    refused: bool = False

    @property
    def key(self) -> tuple[float, float, int]:
        return self.rank, self.arrival, self.index

    @property
    def length(self) -> int:
        return self.prompt + len(self.times)


@dataclass(slots=True, eq=False)
class Copy:
    """What the host has of a conversation."""

    owner: Ask
    slot: int
    tokens: int = 0
    pages: int = 0


class Pages:
    """Pages of one side, one by one or in groups, in lists by row."""

    def __init__(self, pages: int, rows: int, group: int) -> None:
        self.group = group
        self.groups = PlainGroups(pages, rows) if group else None
        self.free = list(range(pages))[::-1]
        self.rows: dict[int, list[int]] = {row: [] for row in range(rows)}
        self.spare = list(range(rows))[::-1]

    def count(self) -> int:
        return self.groups.available() if self.groups else len(self.free)

    def listed(self, row: int) -> list[int]:
        if not self.groups:
            return self.rows[row]
        return [one.page + k for one in self.groups.groups[row] for k in range(one.used)]

    def take(self, row: int, count: int, active: int) -> list[int]:
        before = len(self.listed(row))
        if self.groups:
            free = sum(length for _, length in self.groups.free)
            wanted = min(self.group, max(1, min(64, free // max(1, active))))
            assert self.groups.grow(row, count, wanted)
        else:
            assert count <= len(self.free)
            self.rows[row] += [self.free.pop() for _ in range(count)]
        return self.listed(row)[before:]

    def trim(self, row: int, keep: int) -> None:
        if self.groups:
            self.groups.trim(row, keep)
            return
        self.free += self.rows[row][keep:][::-1]
        self.rows[row] = self.rows[row][:keep]

    def urge(self, row: int, rank: float) -> None:
        if self.groups:
            self.groups.rank[row] = rank  # type: ignore[assignment]


class Replica:
    """All requests, the line of seats, two lanes of copies."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.present: list[Ask] = []
        self.line: list[Ask] = []
        self.fill: list[Ask] = []
        self.device = Pages(rules.blocks, 2 * rules.seats, rules.group)
        self.host = Pages(rules.host, max(1, rules.host), rules.group)
        self.copies: list[Copy] = []
        self.sent: list[tuple[Ask, int]] = []  # whose copy to the host is under way, and its row
        self.owner: dict[int, Ask] = {}  # of a page of the device, until its copy out is complete
        self.out_end = self.in_end = self.step = self.stall = 0.0
        self.looks = self.passes = 0
        self.log: list[tuple[Any, ...]] = []
        self.rows: list[tuple[Any, ...]] = []
        self.seen: dict[str, int] = {}

    def note(self, rule: str) -> None:
        self.seen[rule] = self.seen.get(rule, 0) + 1

    def seconds(self, pieces: int, pages: int) -> float:
        one = self.rules
        return max(pieces * one.run_seconds, pages * one.page_seconds) + one.start_seconds

    def pieces(self, row: int, slot: int, since: int, until: int) -> int:
        if not self.rules.merged:
            return until - since
        here, there = self.device.listed(row), self.host.listed(slot)
        return sum(
            k == since or here[k] != here[k - 1] + 1 or there[k] != there[k - 1] + 1 for k in range(since, until)
        )

    # Pages of the device.

    def give(self, ask: Ask, count: int) -> None:
        for page in self.device.take(ask.row, count, len(self.line)):
            assert page not in self.owner, f"page {page} is given away while {self.owner[page].index} has it"
            self.owner[page] = ask

    def free_row(self, row: int) -> None:
        for page in self.device.listed(row):
            del self.owner[page]
        self.device.trim(row, 0)
        self.device.spare.append(row)

    def free_sent(self, now: float) -> None:
        while self.sent and self.sent[0][0].ready <= now:
            self.free_row(self.sent.pop(0)[1])

    # Copies.

    def shrink(self, copy: Copy, keep: int) -> None:
        self.host.trim(copy.slot, keep)
        copy.pages, copy.tokens = keep, min(copy.tokens, keep * self.rules.block)
        if keep == 0:
            self.copies.remove(copy)
            copy.owner.copy = None
            self.host.spare.append(copy.slot)

    def clear(self, ask: Ask, need: int, now: float) -> bool:
        while self.host.count() < need:
            others = [one for one in self.copies if one.owner.ready <= now and one.owner.key > ask.key]
            if not others:
                return False
            last = max(others, key=lambda one: one.owner.key)
            self.note("overwritten")
            self.shrink(last, max(0, last.pages - (need - self.host.count())))
        return True

    def send(self, ask: Ask, now: float) -> None:
        block = self.rules.block
        tokens, copy = ask.context, ask.copy
        valid, held = (copy.tokens, copy.pages) if copy else (0, 0)
        since, until = valid // block, ceil(tokens, block)
        if valid >= tokens or not self.clear(ask, until - held, now):
            if valid < tokens:
                self.note("host full")
            self.free_row(ask.row)
            return
        if not copy:
            copy = ask.copy = Copy(ask, self.host.spare.pop())
            self.copies.append(copy)
            self.host.urge(copy.slot, ask.rank)
        self.host.take(copy.slot, until - held, len(self.line) + self.queue)
        copy.tokens, copy.pages = tokens, until
        count = self.pieces(ask.row, copy.slot, since, until)
        start = max(now, self.out_end)
        ask.ready = self.out_end = start + self.seconds(count, until - since)
        self.sent.append((ask, ask.row))
        self.log.append((ask.index, 0, start, self.out_end, until - since, count))

    @property
    def queue(self) -> int:
        return sum(one.state == "away" and one not in self.line for one in self.present)

    def fetch(self, ask: Ask, now: float) -> None:
        assert ask.copy
        assert ask.ready <= now, "a copy is read before it is complete"
        pages = ceil(ask.context, self.rules.block)
        count = self.pieces(ask.row, ask.copy.slot, 0, pages)
        start = max(now, self.in_end)
        ask.ready = self.in_end = start + self.seconds(count, pages)
        self.log.append((ask.index, 1, start, self.in_end, pages, count))

    # Who runs.

    def need(self, ask: Ask) -> int:
        return ceil(ask.context + 1 if ask.state == "decode" else ask.length, self.rules.block)

    def urge(self) -> None:
        """Tell both sides who loses reserved pages first."""
        rows = dict(self.sent) | {ask: ask.row for ask in self.line}
        for ask in self.present:
            if ask in rows:
                self.device.urge(rows[ask], ask.rank)
            if ask.copy:
                self.host.urge(ask.copy.slot, ask.rank)

    def choose(self) -> list[Ask]:
        coming = [one for one in self.present if one.state == "coming"]
        room = self.rules.blocks - sum(self.need(one) for one in coming)
        seats = self.rules.seats - len(coming)
        chosen = []
        for ask in self.present:
            if ask in coming:
                continue
            mark = self.rules.watermark if ask.state == "away" and seats < self.rules.seats else 0
            if seats > 0 and self.need(ask) + mark <= room:
                chosen.append(ask)
                room -= self.need(ask)
                seats -= 1
        return chosen

    def step_down(self, ask: Ask, now: float) -> None:
        ask.preemptions += 1
        ask.state = "away"
        if ask in self.fill:
            self.fill.remove(ask)
        self.send(ask, now)
        ask.row, ask.context = -1, 0
        self.line.remove(ask)

    def board(self, chosen: list[Ask], now: float, at: float) -> None:
        block = self.rules.block
        back = sum(one.state == "decode" and one.context % block == 0 for one in self.line)
        for ask in self.present:
            if ask not in chosen or ask.state != "away":
                continue
            need = self.need(ask)
            if ask.ready > at:
                self.note("still leaving")
                back += need
            elif self.device.count() - back < need or not self.device.spare or len(self.line) == self.rules.seats:
                self.note("waits for pages")
                return
            else:
                back += need - self.step_up(ask, now, at)

    def step_up(self, ask: Ask, now: float, at: float) -> int:
        """Give a request a seat; return the pages that it takes at once."""
        ask.start = now if math.isnan(ask.start) else ask.start
        ask.row = self.device.spare.pop()
        self.device.urge(ask.row, ask.rank)
        ask.context = min(ask.copy.tokens, ask.length - 1) if ask.copy else 0
        whole = bool(ask.times) and ask.context == ask.length - 1
        self.line.append(ask)
        ask.state = "coming"
        before = self.device.count()
        self.give(ask, ceil(ask.context if whole else ask.length, self.rules.block))
        if ask.copy:
            self.fetch(ask, at)
        else:
            ask.state = "prompt"
            self.fill.append(ask)
        return before - self.device.count()

    def admit(self, now: float) -> None:
        for ask in self.line:
            if ask.state == "coming" and ask.ready <= now:
                if not self.rules.reuse and ask.copy:  # it may be overwritten already
                    self.shrink(ask.copy, 0)
                if ask.times and ask.context == ask.length - 1:
                    ask.state = "decode"
                else:
                    ask.state = "prompt"
                    self.fill.append(ask)

    def pending(self, chosen: list[Ask], now: float) -> float:
        total = max(0.0, self.out_end - now) + max(0.0, self.in_end - now)
        for ask in self.present:
            if ask in chosen and ask.state == "away" and ask.copy:
                total += self.seconds(1 if self.rules.merged else ask.copy.pages, ask.copy.pages)
        return total

    def exchange(self, chosen: list[Ask], now: float) -> float:
        rules = self.rules
        waits = not rules.background or (rules.adaptive and self.pending(chosen, now) < self.step)
        if not waits:
            self.board(chosen, now, now)
            if any(one.state in ("prompt", "decode") for one in self.line) or not rules.adaptive:
                return 0.0
        if not self.present:
            return 0.0
        at = max(now, self.out_end)
        self.free_sent(at)
        self.admit(at)
        self.board(chosen, now, at)
        at = max(at, self.in_end)
        self.admit(at)
        self.stall += at - now
        return at - now

    def compose(self, now: float) -> tuple[list[tuple[Ask, int]], float]:
        """Return who computes how many tokens in the next pass, and the seconds for which the device waits before."""
        self.free_sent(now)
        self.admit(now)
        if self.passes // self.rules.every > self.looks:
            self.looks = self.passes // self.rules.every
            for ask in self.present:
                ask.rank = self.rules.rank(ask.index, self.looks)
            self.urge()
        self.present.sort(key=lambda one: one.key)
        chosen = self.choose()
        for ask in self.line[::-1]:
            if ask.state in ("prompt", "decode") and ask not in chosen:
                self.step_down(ask, now)
        stall = self.exchange(chosen, now)
        items: list[tuple[Ask, int]] = []
        room = max(self.rules.longest, 2048)
        for ask in self.fill:
            count = ask.length - ask.context
            if count > room and items:
                break
            items.append((ask, count))
            room -= count
        return (items or self.decodes()), stall

    def decodes(self) -> list[tuple[Ask, int]]:
        items = []
        for ask in self.present:
            if ask.state != "decode":
                continue
            if ask.context % self.rules.block == 0:
                if self.device.count() == 0:
                    self.note("starved")
                    continue
                self.give(ask, 1)
            items.append((ask, 1))
        return items

    def close(self, items: list[tuple[Ask, int]], now: float, followers: dict[int, list[Ask]]) -> list[Ask]:
        """Count the tokens of a pass; return those who left, in the order of the line."""
        for ask, count in items:
            ask.context += count
            ask.times.append(now)
            if ask.state == "prompt":
                self.fill.remove(ask)
                ask.state = "decode"
        gone = [one for one in self.line if len(one.times) == one.output]
        for ask in gone:
            ask.state = "gone"
            if any(one.told for one in followers.get(ask.index, [])):
                self.send(ask, now)
            else:
                if ask.copy:
                    self.shrink(ask.copy, 0)
                self.free_row(ask.row)
            ask.row = -1
            self.line.remove(ask)
            self.present.remove(ask)
        return gone

    def check(self, items: list[tuple[Ask, int]], at: float) -> None:
        """Assert that whoever runs has all of its pages, and that nobody has another's."""
        for ask, _ in items:
            assert ask.ready <= at + 1e-9, "a request runs before its last page is in"
            assert len(self.device.listed(ask.row)) == ceil(ask.length, self.rules.block)
        rows = [one.row for one in self.line] + [row for _, row in self.sent]
        pages = [page for row in rows for page in self.device.listed(row)]
        assert len(pages) == len(set(pages)) == len(self.owner)
        assert len(pages) + self.device.count() == self.rules.blocks
        kept = [page for one in self.copies for page in self.host.listed(one.slot)]
        assert len(kept) == len(set(kept)) == self.rules.host - self.host.count()


def serve(rules: Rules, asks: Sequence[Ask]) -> Replica:
    """Serve all requests, which keep their times."""
    replica = Replica(rules)
    followers: dict[int, list[Ask]] = {}
    for ask in asks:
        if ask.after >= 0:
            followers.setdefault(ask.after, []).append(ask)
    coming = sorted((ask.arrival, 0, ask.index) for ask in asks if ask.after < 0)
    now = 0.0

    def welcome() -> None:
        ask = asks[coming.pop(0)[2]]
        total = ask.prompt + ask.output
        most = max(ceil(ask.prompt, rules.block) + rules.watermark, ceil(total - 1, rules.block))
        if total > rules.longest or most > rules.blocks:
            ask.refused = True
            release(ask, ask.arrival)
            return
        before = asks[ask.after] if ask.after >= 0 else None
        ask.rank = rules.rank(ask.index, replica.looks)
        if before and before.copy and ask.told:
            ask.copy, ask.ready = before.copy, before.ready
            ask.copy.owner, before.copy = ask, None
            replica.host.urge(ask.copy.slot, ask.rank)
        replica.present.append(ask)

    def release(ask: Ask, end: float) -> None:
        for one in followers.get(ask.index, []):
            one.arrival = end + one.pause
            coming.append((one.arrival, 1, one.index))
        coming.sort()

    while True:
        while coming and coming[0][0] <= now:
            welcome()
        items, stall = replica.compose(now)
        if not items:
            waits = [one.ready for one in replica.line if one.state == "coming"]
            waits += [ask.ready for ask, _ in replica.sent[:1]] + [one[0] for one in coming[:1]]
            if not waits:
                assert not replica.present, "requests wait for nothing"
                return replica
            now = min(waits)
            continue
        replica.check(items, now + stall)
        prompts = [(ask, count) for ask, count in items if ask.state == "prompt"]
        held = [ask.context for ask, _ in items if ask.state == "decode"]
        chunk, before = [count for _, count in prompts], [ask.context for ask, _ in prompts]
        seconds = rules.price(chunk, before, len(held), sum(held), max(held, default=0))
        if not prompts:
            replica.step = seconds
        replica.rows.append((now, now + (seconds + stall), len(held), sum(chunk)))
        replica.passes += 1
        end = now + (seconds + stall)
        while coming and coming[0][0] < end:
            welcome()
        now = end
        for ask in replica.close(items, now, followers):
            release(ask, now)
