"""Two lanes in plain Python: every pass of either lane by itself, one change of the device at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.serve.twin.jobs import ceil

SAME = 1e-11  # seconds; what is closer happens at one instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """Shares, limits and constants of one replica."""

    prompts: float
    "Share of the device, 0 to 1."
    decodes: float
    host: float
    slope: float
    floor: float
    blocks: int
    block: int
    watermark: int
    chunk: int
    seats: int
    apart: bool = False
    link_wait: float = 0.0
    link_token: float = 0.0
    price: Callable[[Sequence[int], Sequence[int], int, float, int], float]
    "(chunk, before, decodes, resident, longest) -> seconds on the whole device"


@dataclass(slots=True, kw_only=True, eq=False)
class Ask:
    """A request and how far it is."""

    arrival: float
    prompt: int
    output: int
    generated: int = 0
    computed: int = 0
    state: str = "queue"  # prompt, link, moving, ready, decode
    times: list[float] = field(default_factory=list)
    start: float = math.nan
    preemptions: int = 0
    ended: bool = False

    @property
    def target(self) -> int:
        return self.prompt + self.generated


@dataclass(slots=True)
class Work:
    """A pass under way: what is left of the host's part and of the device's."""

    items: list[tuple[Ask, int]]
    host: float
    device: float


class Replica:
    """A queue, a line of seats, two passes and a link."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.queue: list[Ask] = []
        self.line: list[Ask] = []
        self.passes: dict[str, Work] = {}
        self.link: tuple[Ask, float] | None = None
        self.free = self.side = lanes.blocks

    def rate(self, lane: str) -> float:
        """Return how fast a lane's device work goes on now."""
        one = self.lanes
        busy = all(name in self.passes and self.passes[name].host <= SAME for name in ("prompts", "decodes"))
        crowd = max(1.0, one.prompts + one.decodes) if busy and not one.apart else 1.0
        if lane == "prompts":
            return one.prompts / crowd
        return (one.slope + one.floor) / (one.slope / (one.decodes / crowd) + one.floor)

    def left(self) -> float:
        """Return the seconds until something changes."""
        waits = [self.link[1]] if self.link else []
        for name, work in self.passes.items():
            waits.append(work.host if work.host > SAME else work.device / self.rate(name))
        return min(waits, default=math.inf)

    def spend(self, seconds: float) -> None:
        """Let time go by, no longer than until the next change."""
        rates = {name: self.rate(name) for name in self.passes}
        for name, work in self.passes.items():
            if work.host > SAME:
                work.host -= seconds
            else:
                work.device -= seconds * rates[name]
        if self.link:
            self.link = (self.link[0], self.link[1] - seconds)

    def end(self, now: float) -> None:
        """End what is done."""
        for name in ("decodes", "prompts"):
            work = self.passes.get(name)
            if work and work.host <= SAME and work.device <= SAME:
                del self.passes[name]
                for ask, count in work.items:
                    self.compute(ask, count, now)
        if self.link and self.link[1] <= SAME:
            self.link[0].state = "ready"
            self.side += ceil(self.link[0].computed, self.lanes.block)
            self.link = None

    def compute(self, ask: Ask, count: int, now: float) -> None:
        """Count the tokens of a pass; a complete text gives a token."""
        ask.computed += count
        if ask.computed < ask.target:
            return
        held = ceil(ask.computed, self.lanes.block)
        ask.times.append(now)
        ask.generated += 1
        prefilled = ask.state == "prompt"
        if prefilled:
            ask.state = "link" if self.lanes.apart else "ready"
        if ask.generated == ask.output:
            ask.ended = True
            self.line.remove(ask)
            if prefilled and self.lanes.apart:
                self.side += held
            else:
                self.free += held

    def begin(self, now: float) -> None:
        """Start what can start: a transfer, the decodes, then the prompts."""
        self.pull()
        if "decodes" not in self.passes:
            self.decode()
            self.pull()
        if "prompts" not in self.passes:
            self.fill(now)

    def pull(self) -> None:
        """Send the first prompt that waits for the link, if there is room."""
        for ask in self.line if self.lanes.apart and not self.link else ():
            if ask.state == "link":
                tokens = ask.computed
                need = ceil(tokens, self.lanes.block)
                mark = self.lanes.watermark if self.free < self.lanes.blocks else 0
                if self.free - need >= mark:
                    self.free -= need
                    ask.state = "moving"
                    self.link = (ask, self.lanes.link_wait + tokens * self.lanes.link_token)
                return

    def decode(self) -> None:
        """Start a pass of all decodes; the last ones are retracted where blocks are missing."""
        for ask in self.line:
            if ask.state == "ready":
                ask.state = "decode"
        while True:
            ours = [ask for ask in self.line if ask.state == "decode"]
            need = sum(ask.computed % self.lanes.block == 0 for ask in ours)
            if need <= self.free:
                break
            victim = ours[-1]
            self.line.remove(victim)
            self.free += ceil(victim.computed, self.lanes.block)
            victim.computed, victim.state = 0, "queue"
            victim.preemptions += 1
            self.queue.insert(0, victim)
        if ours:
            self.free -= need
            held = [ask.computed for ask in ours]
            seconds = self.lanes.price((), (), len(ours), float(sum(held)), max(held))
            self.passes["decodes"] = Work([(ask, 1) for ask in ours], self.lanes.host, seconds)

    def fill(self, now: float) -> None:
        """Start a pass of prompts: unfinished ones, then those that wait, first come, first served."""
        room, one = self.lanes.chunk, self.lanes
        items: list[tuple[Ask, int]] = []
        for ask in self.line:
            if ask.state == "prompt" and room:
                items.append((ask, min(room, ask.target - ask.computed)))
                room -= items[-1][1]
        while self.queue and room and len(self.line) < one.seats:
            ask = self.queue[0]
            need = ceil(ask.target, one.block)
            if need + one.watermark > one.blocks:
                self.queue.pop(0)
                continue
            if (self.side if one.apart else self.free) - need < one.watermark:
                break
            if one.apart:
                self.side -= need
            else:
                self.free -= need
            self.line.append(self.queue.pop(0))
            ask.state = "prompt"
            ask.start = now if math.isnan(ask.start) else ask.start
            items.append((ask, min(room, ask.target)))
            room -= items[-1][1]
        if items:
            chunk, before = [count for _, count in items], [ask.computed for ask, _ in items]
            self.passes["prompts"] = Work(items, one.host, one.price(chunk, before, 0, 0.0, 0))


def serve(lanes: Lanes, asks: Sequence[Ask]) -> Replica:
    """Serve requests in order of arrival; they keep their times."""
    replica = Replica(lanes)
    now = 0.0
    coming = list(asks)
    while True:
        step = min(replica.left(), coming[0].arrival - now if coming else math.inf)
        if step == math.inf:
            return replica
        replica.spend(max(0.0, step))
        now += max(0.0, step)
        replica.end(now)
        while coming and coming[0].arrival <= now + SAME:
            ask = coming.pop(0)
            whole = ceil(ask.prompt, lanes.block) + lanes.watermark
            if max(whole, ceil(ask.prompt + ask.output - 1, lanes.block)) <= lanes.blocks:
                replica.queue.append(ask)
        replica.begin(now)
