"""From what the loop left behind to an outcome."""

from typing import TYPE_CHECKING

import numpy as np

from evenly.core import Array, Bools, Load, Metric, Outcome
from evenly.core.catalog import plugin_name
from evenly.hardware.model import model
from evenly.kernel.offload import records
from evenly.kernel.offload.simulation import Run
from evenly.offload.memory import expert_bytes, sides

if TYPE_CHECKING:
    from evenly.offload.scenario import OffloadScenario

METRICS = (
    Metric("throughput", "Throughput", "tokens/s", "higher", "Tokens of all passes over the time that they take."),
    Metric("pass_mean", "Time of a pass", "s", "lower", "Mean time of a decoded token, or of a prompt."),
    Metric("pass_p99", "Time of a pass p99", "s", "lower", "The slowest hundredth of the passes take longer."),
    Metric("hit", "Hits", "share", "higher", "Experts asked for that are on the device, or on their way, by then."),
    Metric("on_cpu", "Computed on the CPU", "share", "neither", "Experts asked for that the CPU computes."),
    Metric("cpu_busy", "CPU in use", "share", "higher", "Time in which the CPU computes experts."),
    Metric("device_busy", "Device in use", "share", "higher", "Time in which the device computes experts."),
    Metric("link_busy", "Link in use", "share", "higher", "Time in which the link moves experts."),
    Metric("traffic", "Moved a pass", "GB", "lower", "Bytes of experts that the link moves in a pass."),
    Metric("prefetch_used", "Prefetches of use", "share", "higher", "Prefetched experts that their layer asks for."),
    Metric("evictions", "Evictions a transfer", "share", "lower", "Transfers that take the place of an expert."),
    Metric("device_memory", "Experts on the device", "GB", "lower", "Most bytes of experts there at once."),
    Metric("host_memory", "Experts on the host", "GB", "lower", "Bytes of experts that the host keeps."),
)
GB = 1e9
ROWS = ("CPU", "device", "link")
WHAT = ("computed", "asked for", "prefetched", "kept for later")


def outcome(scenario: "OffloadScenario", run: Run, resident: Bools) -> Outcome:
    """Return figures, load by side, and the rows of the logged pass."""
    total = run.sums.sum(axis=0)
    seconds = run.sums[:, records.SECONDS]
    size = expert_bytes(model(scenario.model), scenario.bits)
    moved = float(total[records.ASKS] + total[records.PREFETCHES] + total[records.FILLS])
    device, host = sides(resident, run.beside, moved > 0, size)
    busy = run.sums[:, [records.CPU_BUSY, records.DEVICE_BUSY, records.LINK_BUSY]]
    metrics = {
        "throughput": scenario.tokens() / float(seconds.sum()),
        "pass_mean": float(seconds.mean()),
        "pass_p99": float(np.quantile(seconds, 0.99)),
        "hit": _part(total[records.HITS], total[records.ACTIVE]),
        "on_cpu": _part(total[records.ON_CPU], total[records.ACTIVE]),
        **dict(zip(("cpu_busy", "device_busy", "link_busy"), busy.sum(axis=0) / seconds.sum(), strict=True)),
        "traffic": moved * size / len(seconds) / GB,
        "prefetch_used": _part(total[records.USED], total[records.PREFETCHES]),
        "evictions": _part(total[records.EVICTIONS], moved),
        "device_memory": device / GB,
        "host_memory": host / GB,
    }
    figures = {name: float(value) for name, value in metrics.items()}
    return Outcome(scenario.name, figures, Load(busy, seconds, worker="resource"), rows(run), facts=facts(scenario))


def rows(run: Run) -> dict[str, Array]:
    """Return what each side and the link did in the logged pass, in order of the begin; times in seconds from it."""
    log = run.log[np.lexsort((run.log[:, 2], run.log[:, 6]))]
    start = log[:, 6].min(initial=np.inf) if len(log) else 0.0
    whole = log[:, :6].astype(np.int64)
    return {
        "side": np.array(ROWS, object)[whole[:, 2]],
        "what": np.array(WHAT, object)[whole[:, 3]],
        "layer": whole[:, 1],
        "expert": whole[:, 4],
        "tokens": whole[:, 5],
        "begin": log[:, 6] - start,
        "end": log[:, 7] - start,
    }


def facts(scenario: "OffloadScenario") -> dict[str, str | int | float]:
    """Return what the run rests on."""
    shape, costs = scenario.shape, scenario.costs
    found: dict[str, str | int | float] = {
        "model": scenario.model,
        "experts": f"{shape.layers} layers of {shape.experts}, {shape.active} visited",
        "share on the device": scenario.ratio,
        "phase": scenario.phase if scenario.phase == "decode" else f"prefill of {scenario.prompt} tokens",
        "passes": scenario.passes,
        "scheduler": plugin_name(scenario.scheduler),
        "cache": plugin_name(scenario.cache),
        "prefetch": plugin_name(scenario.prefetch),
        "routing": str(scenario.routing),
        "bits of a weight": scenario.bits,
    }
    found |= {f"cost: {name}, ms": 1e3 * getattr(costs, name) for name in costs.__slots__}
    return found | {"seed": scenario.seed}


def _part(some: float, whole: float) -> float:
    return float(some / whole) if whole > 0 else float("nan")
