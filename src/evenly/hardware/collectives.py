"""How long devices take to exchange what each has computed."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from evenly.core import Array
from evenly.hardware.device import Device, Link, link
from evenly.hardware.profiles.measured import Curve, total

POINTS = np.exp2(np.arange(10.0, 28.0))  # bytes at which the ring formula is drawn, 1 KiB to 128 MiB

Kind = Literal["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "send"]
TWINS: Mapping[str, str] = {"all-gather": "reduce-scatter", "reduce-scatter": "all-gather"}  # move the same bytes


def all_reduce(device: Device, devices: int) -> Curve:
    """Return the seconds of one all-reduce among `devices` of one machine, by bytes.

    Measured where somebody measured it, else by the ring formula.

    >>> from evenly.hardware.device import device
    >>> round(all_reduce(device("h100"), 8)(64e3) * 1e6)
    21
    """
    return inside("all-reduce", device, devices)


def collective(kind: Kind, device: Device, devices: int, node: int) -> Curve:
    """Return the seconds of one collective among `devices` in machines of `node` devices, by bytes of its message.

    The message is what each device begins with (all-reduce, reduce-scatter, all-to-all), ends with (all-gather) or
    sends. Inside a machine it is measured where somebody measured it, else a ring. Between machines each device
    exchanges its share of the message with its peers over its own part of the network, before or after its machine
    does inside. Raises `ValueError` unless the devices fill their machines.

    >>> from evenly.hardware.device import device
    >>> far, near = (collective("all-reduce", device("h100"), count, 8)(16e6) for count in (16, 8))
    >>> far > near
    True
    """
    if devices <= node:
        return inside(kind, device, devices)
    if devices % node:
        raise ValueError(f"{devices} devices do not fill machines of {node}")
    network = link(device.network)
    if kind == "send":
        return ring(network, 2, POINTS, kind)
    machines = devices // node
    if kind == "all-to-all":  # each device sends the part that stays inside, and the rest over the network
        far = (devices - node) / devices
        over = Curve(POINTS, network.latency + far * POINTS / network.bandwidth)
        return total([_of(inside(kind, device, node), 1 - far), over])
    between = _of(ring(network, machines, POINTS, kind), 1 / node)
    if kind == "all-reduce":
        return total([inside("reduce-scatter", device, node), between, inside("all-gather", device, node)])
    return total([inside(kind, device, node), between])


def inside(kind: Kind, device: Device, devices: int) -> Curve:
    """Return the seconds of one collective among devices of one machine, by bytes; none for a device alone.

    >>> from evenly.hardware.device import device
    >>> inside("all-gather", device("h100"), 1)(1e6)
    0.0
    """
    if devices == 1 and kind != "send":
        return Curve(POINTS[:1], np.zeros(1))
    found = _measured(device, kind, devices)
    return found or ring(link(device.link), devices, POINTS, kind)


def ring(over: Link, devices: int, points: Array, kind: Kind = "all-reduce") -> Curve:
    """Return a collective over a ring: each device sends (p-1)/p of the message, in an all-reduce twice.

    >>> round(ring(link("pcie5"), 2, np.array([1e6]))(1e6) * 1e6)
    43
    """
    share = (devices - 1) / devices
    share = {"all-reduce": 2.0 * share, "send": 1.0}.get(kind, share)
    return Curve(points, over.latency + share * points / over.bandwidth)


def reduce_source(device: Device, devices: int) -> str:
    """Return where the times of an all-reduce come from, for the facts of an outcome."""
    for table in _of_device(device):
        if devices in table.get("all-reduce", {}):
            return str(table["source"])
    return f"ring formula, {link(device.link).source}"


def _measured(device: Device, kind: Kind, devices: int) -> Curve | None:
    """Return a measured collective, or the one that moves the same bytes; `None` if nobody measured either."""
    devices = 2 if kind == "send" else devices
    for name in (kind, TWINS.get(kind, kind)):
        for table in _of_device(device):
            if devices in table.get(name, {}):
                return Curve(np.array(table["bytes"], np.float64), np.array(table[name][devices], np.float64))
    return None


def _of_device(device: Device) -> list[dict[str, Any]]:
    """Return the tables that hold for a device, its own before that of its link."""
    return [_tables()[name] for name in (device.name, device.link) if name in _tables()]


def _of(curve: Curve, share: float) -> Curve:
    """Return the curve of a collective that takes this share of the message."""
    return Curve(curve.x / share, curve.y)


@cache
def _tables() -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = yaml.safe_load(
        (Path(__file__).parent / "data" / "collectives.yaml").read_text()
    )
    return tables
