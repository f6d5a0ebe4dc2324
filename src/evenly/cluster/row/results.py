"""From what the kernel left behind to figures, columns and facts."""

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenly.cluster.row.commands import NAMES, setting
from evenly.cluster.row.row import Demand, groups, rise, span, steps
from evenly.core import Array, Floats, Load, Outcome
from evenly.core.catalog import plugin_name
from evenly.core.document import told, unstructure
from evenly.hardware.server import phases

if TYPE_CHECKING:
    from evenly.cluster.row.scenario import RowScenario
    from evenly.kernel.row.simulate import Row


def outcome(scenario: "RowScenario", demand: Demand, row: "Row") -> Outcome:
    """Return the outcome of a run."""
    seconds = scenario.trace.seconds
    given = np.full(len(row.spent), scenario.server.provisioned * span(seconds))
    time = scenario.tick * np.arange(len(row.samples))
    return Outcome(
        scenario.name,
        figures(scenario, demand, row),
        Load(row.spent, given, unit="joules", worker="server"),
        columns(demand, row),
        {"power": {"time": time, "power": row.samples, "level": row.levels}, "brakes": {"time": row.braking}},
        facts(scenario),
    )


def figures(scenario: "RowScenario", demand: Demand, row: "Row") -> dict[str, float]:
    """Return all metrics of a run."""
    state, seconds = row.state[0], float(row.state[0]["stopped"])
    under_way = steps(scenario.telemetry + scenario.actuation, scenario.tick)
    served = latencies(demand, row, seconds)
    return {
        "brakes": float(state["brakes"]),
        "brake_time": float(state["brake_time"]) / seconds,
        "peak": float(state["peak"]) / scenario.plant.budget,
        "over_longest": float(state["longest"]),
        "capped_low": float(state["capped_low"]) / seconds,
        "capped_high": float(state["capped_high"]) / seconds,
        "commands": float(state["commands"]),
        **served,
        "throughput": sum(served[f"{name}_throughput"] for name in NAMES),
        "rise_sample": float(rise(row.samples, 1).max()),
        "rise_command": float(rise(row.samples, under_way).max()),
        "energy": float(row.spent.sum()),
    }


def latencies(demand: Demand, row: "Row", seconds: float) -> dict[str, float]:
    """Return quantiles of the times and the throughput of each priority."""
    priority = np.repeat(groups(len(demand.counts)), demand.counts)
    arrival, begin, end = (np.ascontiguousarray(row.requests[name]) for name in ("arrival", "begin", "end"))
    tokens, done = demand.tokens.sum(axis=1), np.isfinite(end)
    found: dict[str, float] = {}
    for group, name in enumerate(NAMES):
        mine = np.flatnonzero(done & (priority == group))
        whole = _quantiles(end[mine] - arrival[mine], (0.5, 0.99))
        found[f"{name}_p50"], found[f"{name}_p99"] = whole
        (found[f"{name}_service_p50"],) = _quantiles(end[mine] - begin[mine], (0.5,))
        found[f"{name}_throughput"] = float(tokens[mine].sum()) / seconds
    return found


def columns(demand: Demand, row: "Row") -> dict[str, Array]:
    """Return one row a request; times in seconds, NaN for what had not happened at the end."""
    server = demand.server
    return {
        "arrival": row.requests["arrival"],
        "begin": row.requests["begin"],
        "end": row.requests["end"],
        "server": server,
        "priority": groups(len(demand.counts))[server],
        "prompt": demand.tokens[:, 0],
        "output": demand.tokens[:, 1],
    }


def facts(scenario: "RowScenario") -> dict[str, str | int | float]:
    """Return the constants of a run."""
    server, brake = scenario.server, scenario.brake
    return {
        "model": scenario.model,
        "device": f"{server.devices} x {server.device} a server",
        "servers": scenario.servers,
        "budget, kW": scenario.provisioned * server.provisioned / 1e3,
        "cap": plugin_name(scenario.cap),
        **levels(scenario),
        "brake level": len(scenario.cap.clocks),
        "telemetry": f"a sample every {scenario.tick:g} s, read {scenario.telemetry:g} s later",
        "actuation": f"{scenario.actuation:g} s from a command to new clocks",
        "brake": f"{brake.latency:g} s after a reading above the budget to {brake.clock:g} MHz for {brake.hold:g} s; "
        f"prompts at {brake.prompt:g}, tokens at {brake.token:g} of their speed",
        "power": f"power above idle goes with the clock to the power of {server.exponent:g}; beside the devices "
        f"{server.rest_busy:g} W busy, {server.rest_idle:g} W idle",
        "speed": f"of the clock's share below {server.top:g} MHz prompts lose {server.prompt_loss:g}, tokens "
        f"{server.token_loss:g}",
        "phases": phases(scenario.model, server.device).source,
        "traffic": told(unstructure(scenario.trace), type(scenario.trace).__name__),
        "seed": scenario.seed,
    }


def levels(scenario: "RowScenario") -> dict[str, str]:
    """Return thresholds that were fitted or given, and the command that each level means for each priority."""
    cap, server = scenario.cap, scenario.server
    assert is_dataclass(cap)
    known = {f.name: getattr(cap, f.name) for f in fields(cap) if isinstance(getattr(cap, f.name), float)}
    said = {"knobs of the cap": ", ".join(f"{name} {value:.4g}" for name, value in known.items())} if known else {}
    for level, clocks in enumerate(cap.clocks[1:], 1):
        settings = [
            f"{name} priority nvidia-smi {setting(clock, server)}" for name, clock in zip(NAMES, clocks, strict=True)
        ]
        said[f"level {level}"] = "; ".join(settings)
    return said


def _quantiles(values: Floats, shares: tuple[float, ...]) -> list[float]:
    return [float(q) for q in np.quantile(values, shares)] if len(values) else [float("nan")] * len(shares)
