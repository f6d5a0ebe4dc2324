"""A worker: a process on a core of its own that runs its part of every script."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from evenly.core import Ints
from evenly.hosts.decoder import Cache, Shape
from evenly.hosts.layouts.exchange import Exchange
from evenly.hosts.layouts.network import Weights, cut, drawn
from evenly.hosts.layouts.part import Part, Text
from evenly.hosts.layouts.script import Pass, script
from evenly.hosts.phases.pool import attached
from evenly.plan.layout import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Requests that are there from the start, and how to serve them."""

    layout: Layout
    prompts: Sequence[Ints]
    output: Ints
    seats: int
    "Requests that are computed at once, by all engines of the layout together."
    record: bool = False
    "Whether workers answer with the scores of all tokens."
    elapsed: bool = False
    "Whether clocks show what elapses, in place of processor time."

    def scripts(self) -> list[list[Pass]]:
        """Return the passes of each engine of the layout; requests are dealt in turn."""
        members, many = self.layout.members, len(self.prompts)
        return [script(range(k, many, members), self.output, self.seats // members) for k in range(members)]


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """What a worker did; engines and their passes in order."""

    texts: dict[int, Text]
    "Without caches."
    ends: list[list[float]]
    "Seconds on the workers' clocks at which each engine's passes ended on this worker; empty for those of others."
    laps: list[list[dict[str, float]]]
    "Seconds of each pass by operation."


def work(
    line: Connection, core: int | None, name: str, gates: tuple[Any, Any], shape: Shape, most: int, me: int
) -> None:
    """Serve tasks until told to stop; `most` is the rows of an exchange."""
    from threadpoolctl import threadpool_limits

    if core is not None:
        os.sched_setaffinity(0, {core})
    seed = line.recv()
    with attached(name) as memory, threadpool_limits(1):
        exchange = Exchange(memory, gates, me, most, shape.width)
        whole, parts = drawn(shape, seed), dict[Layout, Weights]()
        line.send("ready")
        while (task := line.recv()) is not None:
            if task.layout not in parts:
                parts[task.layout] = cut(whole, task.layout, me)
            line.send(serve(task, parts[task.layout], exchange))
        exchange.close()


def serve(task: Task, weights: Weights, exchange: Exchange) -> Done:
    """Run this worker's part of a task."""
    texts = {
        i: Text(prompt.tolist(), int(task.output[i]), Cache(weights.shape)) for i, prompt in enumerate(task.prompts)
    }
    part = Part(weights, exchange, texts, task.record)
    scripts = task.scripts()
    done = Done(texts, [[] for _ in scripts], [[] for _ in scripts])
    exchange.elapsed = task.elapsed
    exchange.meet()
    part.laps()
    if task.layout.stages > 1:
        _stages(part, scripts, done)
    else:
        mine = exchange.worker % len(scripts)
        for work in scripts[mine]:
            part.take(work, part.tokens(work, part.layers(work, part.enter(work))))
            _note(part, done, mine)
    exchange.meet()
    kept = {i: replace(text, cache=Cache(weights.shape)) for i, text in texts.items()}
    return replace(done, texts=kept)


def _stages(part: Part, scripts: list[list[Pass]], done: Done) -> None:
    """Work on one microbatch while the other stage works on the other one; a meeting ends each step."""
    stage, many = part.exchange.worker, len(scripts)
    for step in range(many * max(map(len, scripts)) + 1):
        turn, member = divmod(step - stage, many)
        if 0 <= turn < len(scripts[member]):
            work = scripts[member][turn]
            if stage == 0:
                if turn > 0:
                    before = scripts[member][turn - 1]
                    part.take(before, part.exchange.told(len(before.texts)))
                part.exchange.put(part.layers(work, part.enter(work)))
            else:
                count = sum(len(part.texts[i].new()) for i in work.texts)
                tokens = part.tokens(work, part.layers(work, part.exchange.found(count)))
                part.exchange.tell(tokens)
                part.take(work, tokens)
        part.meet()
        if 0 <= turn < len(scripts[member]):
            _note(part, done, member)


def _note(part: Part, done: Done, member: int) -> None:
    done.ends[member].append(part.exchange.now())
    done.laps[member].append(part.laps())
