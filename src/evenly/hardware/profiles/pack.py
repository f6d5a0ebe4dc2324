"""Lay a measured profile out as one flat array for compiled code.

Head (8 numbers): host seconds, ranks, graph rows, and where the curves of tokens, sequences, experts and exchange,
and the attention start; then the start of the skew; 0 where there is none. A curve is its count, x, y. Attention is
four counts, four axes, values. Skew is five counts, five edges, then the shares, with count + 1 buckets on each axis.
"""

import numpy as np

from evenly.core import Array, Floats
from evenly.hardware.profiles.measured import Curve, Grid, Measured, Skew, rising, total

HEAD = 9


def pack(
    measured: Measured, layer: Curve, layers: int, host: float, ranks: int, graph: int, exchange: Curve | None
) -> Floats:
    """Return the flat tables of `layers` equal layers; `layer` is the measured one with its all-reduces.

    `exchange` is the seconds a layer spends to send tokens to experts of other ranks and back, by tokens of the
    widest rank; a pass of at most `graph` tokens a rank runs every rank at the width of the widest.
    """
    tokens = total([_scaled(layer, layers), measured.once])
    parts: list[Array] = []
    starts: list[float] = []
    place = HEAD
    blocks = [
        _curve(tokens),
        _curve(measured.head),
        _curve(_scaled(measured.experts, layers)) if measured.experts else None,
        _curve(_scaled(exchange, layers)) if exchange else None,
        _grid(measured.attention, layers),
        _skew(measured.skew) if measured.skew else None,
    ]
    for block in blocks:
        starts.append(float(place) if block is not None else 0.0)
        if block is not None:
            parts.append(block)
            place += len(block)
    return np.concatenate([np.array([host, float(ranks), float(graph), *starts]), *parts])


def _scaled(curve: Curve, factor: float) -> Curve:
    return Curve(curve.x, curve.y * factor)


def _curve(curve: Curve) -> Floats:
    return np.concatenate([[float(len(curve.x))], curve.x, rising(curve.y)])


def _grid(grid: Grid, layers: int) -> Floats:
    counts = np.array([len(axis) for axis in grid.axes], np.float64)
    return np.concatenate([counts, *grid.axes, grid.values.ravel() * layers])


def _skew(skew: Skew) -> Floats:
    counts = np.array([len(edge) for edge in skew.edges], np.float64)
    return np.concatenate([counts, *skew.edges, skew.share.ravel()])
