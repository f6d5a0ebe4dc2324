"""What every plan of a layer keeps, and the optimum that plans are measured by."""

from dataclasses import replace
from itertools import product

import numpy as np

from evenly.core import Bools, Ints
from evenly.kernel.offload import records
from evenly.offload.costs import Costs
from evenly.offload.planner import Assignment, HybridScheduler
from evenly.offload.schedulers.on_demand import OnDemand

SLACK = 1e-9  # seconds, for rounding
MOST = 12  # experts of which all subsets are tried
ENDLESS = 1e9  # seconds that nobody waits


def once(plan: Assignment, loads: Ints) -> bool:
    """Tell whether every expert that is asked for is computed once, and no other."""
    found = np.sort(np.concatenate([plan.cpu, plan.device]))
    return np.array_equal(found, np.flatnonzero(loads))


def possible(plan: Assignment, loads: Ints, cached: Bools, costs: Costs) -> bool:
    """Tell whether sides and link do one thing at a time, as long as it takes, and the device only what is there."""
    table = plan.table
    cpu, device, moved = table[plan.cpu], table[plan.device], table[plan.moved]
    lasting = costs.token * loads[plan.cpu] + costs.first * (np.arange(len(plan.cpu)) == 0)
    fits = [
        np.allclose(cpu[:, records.END] - cpu[:, records.BEGIN], lasting, rtol=0, atol=SLACK),
        np.allclose(device[:, records.END] - device[:, records.BEGIN], costs.device, rtol=0, atol=SLACK),
        np.allclose(moved[:, records.READY] - moved[:, records.SENT], costs.transfer, rtol=0, atol=SLACK),
        bool((device[:, records.BEGIN] >= device[:, records.READY] - SLACK).all()),
        not cached[plan.moved].any(),
    ]
    for rows, begin, end in (
        (cpu, records.BEGIN, records.END),
        (device, records.BEGIN, records.END),
        (moved, records.SENT, records.READY),
    ):
        fits.append(bool((rows[1:, begin] >= rows[:-1, end] - SLACK).all()))
    last = np.concatenate([cpu[:, records.END], device[:, records.END]]).max(initial=0.0)
    return all(fits) and abs(last - plan.makespan) <= SLACK


def bound(loads: Ints, cached: Bools, costs: Costs) -> float:
    """Return the shorter of computing all on the CPU and all on the device, plus one expert on the device."""
    alone = costs.cpu(loads[loads > 0].astype(np.float64))
    moved = HybridScheduler(OnDemand()).plan(loads, cached, costs).makespan
    return min(alone, moved) + costs.device


def optimum(loads: Ints, cached: Bools, costs: Costs) -> float:
    """Return the least makespan over all ways to divide the experts between CPU and device, by trying each.

    On the device those that are there come first, then those that are moved, as they arrive. Raises `ValueError` for
    more experts than can be tried.
    """
    active = np.flatnonzero(loads)
    if len(active) > MOST:
        raise ValueError(f"all ways are tried for at most {MOST} experts, not {len(active)}")
    on_device = np.array(list(product((False, True), repeat=len(active))), np.bool_)
    tokens = (~on_device) @ loads[active]
    cpu = np.where(on_device.all(axis=1), 0.0, costs.first) + costs.token * tokens
    device = costs.device * (on_device @ cached[active].astype(np.int64))
    moved = on_device @ (~cached[active]).astype(np.int64)
    for k in range(int(moved.max(initial=0))):
        device = np.where(k < moved, np.maximum(device, (k + 1) * costs.transfer) + costs.device, device)
    return float(np.maximum(cpu, device).min())


def without_link(loads: Ints, cached: Bools, costs: Costs) -> float:
    """Return the makespan of a static map that lets the CPU help out with what the device has, once it is free.

    The CPU takes what is missing, then the lightest that the device has not begun, whenever it would end first.
    """
    missing = np.sort(loads[(loads > 0) & ~cached])
    here = np.sort(loads[(loads > 0) & cached]).tolist()
    cpu = device = 0.0
    begun = False
    for load in missing.tolist():
        while here and device + costs.device <= cpu + costs.first * (not begun) + costs.token * load:
            device += costs.device
            here.pop()
        cpu += costs.first * (not begun) + costs.token * load
        begun = True
    while here:
        on_cpu = cpu + costs.first * (not begun) + costs.token * here[0]
        if device + costs.device <= on_cpu:
            device += costs.device
            here.pop()
        else:
            cpu, begun = on_cpu, True
            here.pop(0)
    return max(cpu, device)


def endless_link(costs: Costs) -> Costs:
    """Return costs with a link that nobody waits for."""
    return replace(costs, transfer=ENDLESS)


def endless_cpu(costs: Costs) -> Costs:
    """Return costs with a CPU that nobody waits for."""
    return replace(costs, token=ENDLESS)


def drawn(chance: np.random.Generator, kind: str, most: int = 9) -> tuple[Ints, Bools]:
    """Return loads and cached experts of a random layer: `decode`, a small `batch`, or `prefill`, which is skewed."""
    count = int(chance.integers(2, most + 1))
    if kind == "decode":
        loads = np.ones(count, np.int64)
    elif kind == "batch":
        loads = chance.integers(1, 9, count)
    else:
        loads = np.maximum(1, chance.lognormal(3.0, 1.0, count)).astype(np.int64)
    ratio = chance.choice([0.25, 0.5, 0.75])
    return loads, chance.random(count) < ratio
