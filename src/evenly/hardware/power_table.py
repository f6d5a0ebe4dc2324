"""Servers from the power tables of LLMServingSim."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evenly.hardware.device import devices as accelerators
from evenly.hardware.device import known
from evenly.hardware.server import Server


def server_of(path: Path, node: int = 0, device: str = "") -> Server:
    """Return a server from the `power` block of a node in a cluster configuration of LLMServingSim.

    A device draws its idle and its active watts. Everything beside the devices draws what stands there for the base of
    the node, the processor at its given use, memory modules, links, network cards and disks, whether a request is
    served or not: energy by bit hangs on traffic that a row does not count. Standby lasts nanoseconds there, so it is
    left out. All together is what the server is given of the budget. Clocks, and what they do, stay those of an A100.
    `device` is the name of the accelerator here, by default that of the table.

    Reference: Cho et al., "LLMServingSim", 2024; its documentation, "Power model".

    Raises `ValueError` that names file and field for what is missing or cannot be.
    """
    table = _Table(path, _parsed(path))
    here = table.at("nodes", node)
    instances = here.at("instances")
    if not isinstance(instances.value, list) or not instances.value:
        raise ValueError(f"{path}: 'nodes.{node}.instances' is no list of instances")
    kinds = {instances.at(k, "hardware").text() for k in range(len(instances.value))}
    if len(kinds) > 1:
        raise ValueError(f"{path}: node {node} mixes {', '.join(sorted(kinds))}; a server has one kind of device")
    kind = kinds.pop()
    power, devices = here.at("power"), sum(instances.at(k, "npu_num").count() for k in range(len(instances.value)))
    each = power.at("npu", kind)
    idle, active = each.at("idle_power").number(), each.at("active_power").number()
    rest = _rest(power, here.at("cpu_mem", "mem_size").number())
    return Server(
        device=known(device or kind, accelerators(), "device"),
        devices=devices,
        provisioned=rest + devices * active,
        rest_busy=rest,
        rest_idle=rest,
        device_idle=idle,
        device_limit=active,
    )


def _rest(power: "_Table", memory_gb: float) -> float:
    """Return the watts of a node beside its devices."""
    processor, memory = power.at("cpu"), power.at("dram")
    idle, active = processor.at("idle_power").number(), processor.at("active_power").number()
    watts = power.at("base_node_power").number() + idle + (active - idle) * processor.at("util").number()
    size = memory.at("dimm_size")
    if size.number() == 0:
        raise ValueError(f"{size.path}: '{size.place}' is above 0 GB, not 0")
    watts += math.ceil(memory_gb / size.number()) * memory.at("idle_power").number()
    for name, count in (("link", "num_links"), ("nic", "num_nics"), ("storage", "num_devices")):
        watts += power.at(name, count).number() * power.at(name, "idle_power").number()
    return watts


class _Table:
    """A place in the file, which errors name."""

    def __init__(self, path: Path, value: Any, place: str = "") -> None:
        self.path, self.value, self.place = path, value, place

    def at(self, *keys: str | int) -> "_Table":
        """Return what stands under keys, one in the other."""
        value, place = self.value, self.place
        for key in keys:
            place = f"{place}.{key}" if place else str(key)
            fits = isinstance(value, list) and isinstance(key, int) and key < len(value)
            if not fits and not (isinstance(value, Mapping) and key in value):
                raise ValueError(f"{self.path}: no '{place}'; a power table of LLMServingSim has it")
            value = value[key]
        return _Table(self.path, value, place)

    def number(self) -> float:
        """Return a number of at least 0."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"{self.path}: '{self.place}' is a number of at least 0, not {value!r}")
        return float(value)

    def count(self) -> int:
        """Return a whole number of at least 1."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 1:
            raise ValueError(f"{self.path}: '{self.place}' is a whole number of at least 1, not {self.value!r}")
        return self.value

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise ValueError(f"{self.path}: '{self.place}' is a text, not {self.value!r}")
        return self.value


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: no JSON: {error}") from None
