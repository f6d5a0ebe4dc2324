"""Figures as people read them."""

import math
from collections.abc import Iterable

NONE = "\u2013"  # an en dash stands for a figure that does not exist
SMALL = ((1e-6, "µs", 1e6), (1e-3, "ms", 1e3))
MILLIONS = 1e6  # larger figures of a row are told in millions


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


def scale(values: Iterable[float], unit: str) -> tuple[float, str]:
    """Return the factor and the name of the unit in which figures of `unit` are read side by side.

    >>> scale([0.02, 0.3], "s"), scale([0.02, 3.0], "s"), scale([0.5], "share"), scale([2e6], "tokens/s")
    ((1000.0, 'ms'), (1.0, 's'), (100.0, '%'), (1e-06, 'M tokens/s'))
    """
    top = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if unit == "share":
        return 100.0, "%"
    if unit == "s":
        return next(((factor, name) for _, name, factor in reversed(SMALL) if 1 / factor <= top < 1), (1.0, "s"))
    return (1 / MILLIONS, f"M {unit}".rstrip()) if top >= MILLIONS else (1.0, unit)


def number(value: float) -> str:
    """Return a value without unit: three digits that matter, and all of them from 1,000 on.

    >>> number(0.01234), number(45.0), number(999.7), number(2559.4), number(0.0), number(math.nan)
    ('0.0123', '45.0', '1,000', '2,559', '0', '–')
    """
    if not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    if abs(float(f"{value:.3g}")) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def _digits(value: float) -> str:
    for least, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= least:
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[letter]:.3g}{letter}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
