"""How long devices take to add up what each has computed."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evenly.hardware.device import Device, Link, link
from evenly.hardware.profiles.measured import Curve

POINTS = np.exp2(np.arange(10.0, 28.0))  # bytes at which the ring formula is drawn, 1 KiB to 128 MiB


def all_reduce(device: Device, devices: int) -> Curve:
    """Return the seconds of one all-reduce among `devices` of one machine, by bytes.

    Measured where somebody measured it, else by the ring formula.

    >>> from evenly.hardware.device import device
    >>> round(all_reduce(device("h100"), 8)(64e3) * 1e6)
    21
    """
    table = _tables().get(device.link, {})
    seconds = table.get("seconds", {}).get(devices)
    if seconds is None:
        return ring(link(device.link), devices, POINTS)
    return Curve(np.array(table["bytes"], np.float64), np.array(seconds, np.float64))


def ring(over: Link, devices: int, points: Any) -> Curve:
    """Return the all-reduce of `points` bytes over a ring: each device sends 2 (p-1)/p of them.

    >>> round(ring(link("pcie5"), 2, np.array([1e6]))(1e6) * 1e6)
    43
    """
    share = 2.0 * (devices - 1) / devices
    return Curve(points, over.latency + share * points / over.bandwidth)


def reduce_source(device: Device, devices: int) -> str:
    """Return where the times of an all-reduce come from, for the facts of an outcome."""
    table = _tables().get(device.link, {})
    if devices in table.get("seconds", {}):
        return str(table["source"])
    return f"ring formula, {link(device.link).source}"


@cache
def _tables() -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = yaml.safe_load(
        (Path(__file__).parent / "data" / "collectives.yaml").read_text()
    )
    return tables
