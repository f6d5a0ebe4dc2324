"""Put the kernels of a stage together as the numbers of a pass."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from evenly.core import Floats
from evenly.hardware.collectives import Kind, collective, reduce_source
from evenly.hardware.device import Device
from evenly.hardware.device import device as device_named
from evenly.hardware.model import Model
from evenly.hardware.profiles.measured import Curve, Grid, Measured, rising, total
from evenly.hardware.profiles.pack import pack
from evenly.hardware.profiles.passes import Passes as Reader
from evenly.plan.cost import WIDTH, Kernel, Passes, Role, Tables, tables
from evenly.plan.layout import Layout
from evenly.plan.reshard import Exchange, exchanges

Priced = tuple[Curve, str]
"""Seconds, and where they come from."""
ZERO = Curve(np.ones(1), np.zeros(1))
EDGE = np.array([0.0, 1.0])
NOTHING = Grid((EDGE, EDGE, EDGE, EDGE), np.zeros((2, 2, 2, 2)))


def assembled(
    own: Iterable[Kernel],
    together: Iterable[Kernel],
    attention: tuple[Grid, str],
    passes: Passes,
    plain: Tables,
) -> Tables:
    """Return the numbers of a pass whose kernels were measured.

    `own` is what a rank does for its own tokens, `together` what all ranks of a microbatch do at once; where there is
    one rank, everything is its own. `attention` is that of all layers of the stage, `plain` what the roofline says.
    """
    alone = len(plain.shared) == 0
    mine, ours = list(own), list(together)
    if alone:
        mine, ours = [*mine, *ours], []
    mine, ours = _merged(mine), _merged(ours)
    grid, source = attention
    return Tables(
        own=_flat(mine, grid, passes.host),
        shared=np.zeros(0) if alone else _flat(ours, NOTHING, 0.0),
        reader=Reader(),
        plain=plain,
        kernels=tuple(mine),
        together=tuple(ours),
        attention=source,
    )


def layer(priced: Priced, count: float, copies: float = 1.0) -> Kernel:
    """Return a kernel of `count` layers, each of `copies` devices doing its share of the tokens of the pass."""
    curve, source = priced
    return Kernel("layer", source, Curve(curve.x * copies, curve.y * count))


def head(priced: Priced, ranks: int) -> Kernel:
    """Return the output head by the sequences of one of `ranks`, which have as many each."""
    curve, source = priced
    return Kernel("head", source, Curve(curve.x / ranks, curve.y))


def exchanged(
    layout: Layout,
    passes: Passes,
    model: Model,
    device: Device,
    node: int,
    measured: Callable[[Exchange], Priced | None],
) -> tuple[list[Kernel], list[Kernel]]:
    """Return the collectives of a rank and those of all ranks, of all layers of the stage and to the next one.

    What `measured` does not know, such as everything between machines, is told as the roofline tells it.
    """
    own: list[Kernel] = []
    together: list[Kernel] = []
    layers = max(layout.depths(model.layers))
    for part in exchanges(layout, model, passes.gathers or "engine"):
        inside = measured(part) if part.devices <= node else None
        curve, source = inside or _told(part.kind, part.devices, device, node)
        ranks = layout.attention if part.own else 1.0
        bytes_ = model.hidden * WIDTH * part.share * ranks
        (own if part.own else together).append(Kernel("collective", source, Curve(curve.x / bytes_, layers * curve.y)))
    if layout.stages > 1:
        far = layout.stages * layout.tensor > node
        curve, source = _told("send", 2 * node if far else 2, device, node)
        own.append(Kernel("collective", source, Curve(curve.x / (model.hidden * WIDTH), curve.y)))
    return own, together


def at_full_clock(device: Device) -> Device:
    """Return the same device as its tables were measured on."""
    known = device_named(device.name)
    return replace(device, flops=known.flops, flops8=known.flops8)


def slower(curve: Curve, told: Callable[[Device], Callable[[float], float]], device: Device) -> Curve:
    """Return what was measured at full clock as much longer as it is on `device`, as `told` by the roofline."""
    full = at_full_clock(device)
    if device == full:
        return curve
    now, before = told(device), told(full)
    return Curve(curve.x, curve.y * np.array([now(at) / before(at) if before(at) > 0 else 1.0 for at in curve.x]))


def slower_prompts(grid: Grid, device: Device) -> Grid:
    """Return attention whose prompts, bound by arithmetic, take longer at a lower clock; decodes read memory."""
    clock = device.flops / at_full_clock(device).flops
    if clock == 1.0:
        return grid
    decodes = grid.values[:1, :1]
    return Grid(grid.axes, decodes + (grid.values - decodes) / clock)


def repeated(grid: Grid, layers: float) -> Grid:
    """Return the attention of so many layers."""
    return Grid(grid.axes, grid.values * layers)


def plain_layers(passes: Passes, model: Model, device: Device, node: int, layout: Layout) -> Callable[[float], float]:
    """Return the roofline's seconds of all layers of a stage but attention and collectives, by tokens."""
    own = tables(replace(passes, host=0.0), model, device, node, layout).own
    return lambda tokens: float(max(tokens * own[1], own[2] + own[3] * (1.0 - own[4] ** tokens)))


def _told(kind: Kind, devices: int, device: Device, node: int) -> Priced:
    curve = collective(kind, device, devices, node)
    return curve, "network formula" if devices > node else f"collectives: {reduce_source(device, devices)}"


def _merged(kernels: Sequence[Kernel]) -> list[Kernel]:
    """Return one kernel for each kind and source, without noise that would make a larger pass faster."""
    curves: dict[tuple[Role, str], list[Curve]] = {}
    for one in kernels:
        curves.setdefault((one.role, one.source), []).append(Curve(one.curve.x, rising(one.curve.y)))
    return [Kernel(role, source, total(parts)) for (role, source), parts in curves.items()]


def _flat(kernels: Sequence[Kernel], grid: Grid, host: float) -> Floats:
    tokens = total([ZERO, *(one.curve for one in kernels if one.role != "head")])
    sequences = total([ZERO, *(one.curve for one in kernels if one.role == "head")])
    return pack(Measured(layer=tokens, once=ZERO, head=sequences, attention=grid), tokens, 1, host, 1, 0, None)
