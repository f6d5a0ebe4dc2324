"""Building blocks over a V of two stages a device."""

from collections.abc import Sequence

from evenly.train.pipeline.blocks import Block
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import FORWARD, INPUT, WEIGHT

PERIOD = 6  # passes of a device for one micro-batch: three kinds, two stages


def block(job: Job, begins: Sequence[tuple[int, int, int, int]]) -> Block:
    """Return the block whose passes begin at multiples of a pass.

    `begins[i]` are, on device i, forward down, forward up, gradient up, gradient down. Gradients of weights take the
    two slots of the period that are left. The passes of a sharded vocabulary stretch the period, and each barrier puts
    one between forward and gradient of the last stage.
    """
    p, times = job.devices, job.times
    unit = float((times.forward.mean() + times.input.mean() + times.weight.mean()) / 3)
    shard = float((times.softmax + times.gradient).mean()) / unit if job.barriers and unit else 0.0
    stretch, later = (PERIOD + shard) / PERIOD, job.barriers * PERIOD
    made = Block(PERIOD * stretch)
    for device, (down, up, grad_up, grad_down) in enumerate(begins):
        first, last = device, 2 * p - 1 - device
        slots = [(down, FORWARD, first), (up, FORWARD, last)]
        slots += [(grad_up + later, INPUT, last), (grad_down + later, INPUT, first)]
        free = sorted(set(range(PERIOD)) - {slot % PERIOD for slot, _, _ in slots})
        wait, residue = min(((residue - grad_up - 1) % PERIOD, residue) for residue in free)
        slots.append((grad_up + later + 1 + wait, WEIGHT, last))
        (other,) = [left for left in free if left != residue] or [residue]
        slots.append((grad_down + later + 1 + (other - grad_down - 1) % PERIOD, WEIGHT, first))
        for slot, kind, stage in slots:
            made.add(slot * stretch, device, kind, stage)
    if job.barriers:
        turn = begins[0][1] + 1
        made.shard(p, turn * stretch, (begins[0][3] + later + 1) * stretch)
    return made
