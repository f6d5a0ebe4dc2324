"""Figures as people read them."""

import math

NONE = "\u2013"  # an en dash stands for a figure that does not exist
SMALL = ((1e-6, "µs", 1e6), (1e-3, "ms", 1e3))


def show(value: float, unit: str) -> str:
    """Return a value with three digits that matter and its unit.

    >>> show(0.01234, "s"), show(71.5, "s"), show(0.256, "share"), show(123456.0, "tokens/s"), show(math.nan, "s")
    ('12.3 ms', '71.5 s', '25.6%', '123k tokens/s', '–')
    """
    if not math.isfinite(value):
        return NONE
    if unit == "share":
        return f"{100 * value:.3g}%"
    if unit == "s":
        if value == 0 or abs(value) >= 1:
            return f"{_digits(value)} s"
        for least, name, factor in reversed(SMALL):
            if abs(value) >= least:
                return f"{value * factor:.3g} {name}"
        return f"{value * 1e6:.3g} µs"
    return f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    for least, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= least:
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[letter]:.3g}{letter}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
