"""Accelerators and the links between them, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from evenly.core.meant import meant

DATA = Path(__file__).parent / "data"
ETHERNET = "ethernet-100"  # link to other machines where none is named


@dataclass(frozen=True, slots=True)
class Link:
    """What connects the devices of one machine."""

    name: str
    bandwidth: float
    "Bytes a second that one device sends in one direction."
    latency: float
    "Seconds of a small message."
    source: str
    "Where the figures come from."


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator."""

    name: str
    memory: float
    "Bytes, as the driver reports them."
    bandwidth: float
    "Bytes a second between memory and cores."
    flops: float
    "Dense 16-bit operations a second."
    flops8: float
    "Dense 8-bit operations a second."
    idle: float
    "Watts when nothing runs."
    peak: float
    "Watts at full use."
    link: str
    "Name of the link to the other devices of the machine."
    source: str
    "Where the figures come from."
    network: str = ETHERNET
    "Name of the link to other machines."

    def rate(self, width: int) -> float:
        """Return dense operations a second for operands of `width` bytes; wider than 2 bytes counts as two halves.

        >>> device("h100").rate(1) / device("h100").rate(2)
        2.0
        """
        if width <= 1:
            return self.flops8
        return self.flops if width == 2 else self.flops * 2 / width


def device(name: str) -> Device:
    """Return an accelerator; raise `ValueError` with a suggestion for an unknown name.

    >>> device("h100").bandwidth
    3350000000000.0
    """
    return devices()[known(name, devices(), "device")]


def link(name: str) -> Link:
    """Return a link; raise `ValueError` with a suggestion for an unknown name.

    >>> link("pcie4").bandwidth
    25000000000.0
    """
    return links()[known(name, links(), "link")]


@cache
def devices() -> dict[str, Device]:
    """Return all known accelerators by name."""
    numbers = ("memory", "bandwidth", "flops", "flops8", "idle", "peak")
    return {
        name: Device(
            name,
            **{key: float(row[key]) for key in numbers},
            link=row["link"],
            source=row["source"],
            network=row.get("network", ETHERNET),
        )
        for name, row in _table("devices.yaml").items()
    }


@cache
def links() -> dict[str, Link]:
    """Return all known links by name."""
    return {
        name: Link(name, float(row["bandwidth"]), float(row["latency"]), row["source"])
        for name, row in _table("links.yaml").items()
    }


def known(name: str, names: Mapping[str, object], noun: str, more: str = "") -> str:
    """Return `name` if it is among `names`, in any case of letters; raise `ValueError` with a suggestion if not.

    >>> known("H100", devices(), "device")
    'h100'
    >>> known("h10", devices(), "device")
    Traceback (most recent call last):
    ValueError: no device 'h10'; did you mean 'h100'?
    """
    if name.lower() in names:
        return name.lower()
    raise ValueError(f"no {noun} '{name}'; {meant(name.lower(), names)}{more}")


def _table(file: str) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = yaml.safe_load((DATA / file).read_text())
    return table
