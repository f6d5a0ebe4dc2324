"""Pipelines without a kernel: every device looks again and again whether its next pass can begin."""

from evenly.train.pipeline.passes import (
    BACKWARD,
    EMBED,
    FORWARD,
    GRADIENT,
    INPUT,
    SCATTER,
    SHARDED,
    SOFTMAX,
    WEIGHT,
    Order,
)
from evenly.train.pipeline.times import Times

Done = dict[tuple[int, int, int], float]
"""End of each pass: kind, stage, micro-batch."""


def makespan(order: Order, times: Times) -> float:
    """Return the end of the last pass; raise `AssertionError` if devices wait for each other."""
    seconds = times.of(order)
    queues: list[list[tuple[int, int, int, float]]] = [[] for _ in range(order.devices)]
    for k, device in enumerate(order.device.tolist()):
        queues[device].append((int(order.kind[k]), int(order.stage[k]), int(order.batch[k]), float(seconds[k])))
    done: Done = {}
    free = [0.0] * order.devices
    while any(queues):
        moved = False
        for device, queue in enumerate(queues):
            while queue:
                kind, stage, batch, lasting = queue[0]
                ready = earliest(order, times, done, kind, stage, batch)
                if ready is None:
                    break
                free[device] = done[kind, stage, batch] = max(free[device], ready) + lasting
                queue.pop(0)
                moved = True
        assert moved, "devices wait for each other"
    return max(free)


def earliest(order: Order, times: Times, done: Done, kind: int, stage: int, batch: int) -> float | None:
    """Return when the inputs of a pass are there; `None` if that is not known yet."""
    last = len(order.home) - 1

    def hop(one: int, other: int) -> float:
        return times.hop if order.home[one] != order.home[other] else 0.0

    def back(place: int) -> float | None:
        return done.get((BACKWARD, place, batch), done.get((INPUT, place, batch)))

    def every(what: int, more: float) -> float | None:
        ends = [done.get((what, device, batch)) for device in range(order.devices)]
        known = [end for end in ends if end is not None]
        return max(known) + more if len(known) == len(ends) else None

    def after(end: float | None, more: float) -> float | None:
        return None if end is None else end + more

    if kind == EMBED or (kind == FORWARD and stage == 0 and not order.barriers):
        return 0.0
    if kind == FORWARD:
        if stage == 0:
            return every(EMBED, times.reduce)
        return after(done.get((FORWARD, stage - 1, batch)), hop(stage - 1, stage))
    if kind == WEIGHT:
        return done.get((INPUT, stage, batch))
    if kind == SOFTMAX:
        return after(done.get((FORWARD, last, batch)), times.broadcast)
    if kind == GRADIENT:
        return every(SOFTMAX, times.meet)
    if kind == SCATTER:
        return after(back(0), times.broadcast)
    assert kind in (BACKWARD, INPUT)
    assert kind not in SHARDED
    if stage < last:
        return after(back(stage + 1), hop(stage, stage + 1))
    if order.barriers == 0:
        return done.get((FORWARD, last, batch))
    return every(GRADIENT, times.reduce) if order.barriers == 2 else every(SOFTMAX, times.meet + times.reduce)
