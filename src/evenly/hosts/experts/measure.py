"""What a plan of both sides is worth on this machine, and how well the cost model foresees it."""

import os

import numpy as np

from evenly.hosts.arenas.measure import CORES, cores
from evenly.hosts.experts.engine import Machine, Policies, Record, Serving
from evenly.hosts.experts.network import Size, Visits, begin, drawn, plain
from evenly.offload.caches.fixed import Fixed
from evenly.offload.caches.least_recent import LeastRecent
from evenly.offload.caches.minus_recent_score import MinusRecentScore
from evenly.offload.costs import Costs
from evenly.offload.prefetches.adaptive import Adaptive
from evenly.offload.prefetches.impact import Impact
from evenly.offload.prefetches.nothing import Nothing
from evenly.offload.schedulers.hybrid import Hybrid
from evenly.offload.schedulers.on_demand import OnDemand
from evenly.offload.schedulers.static_map import StaticMap
from evenly.offload.warmup import fitted

RATIO = 0.25
CALIBRATION = 8  # passes that say which experts are frequent
WARM = 4  # passes of the warm-up
BATCHES = (16, 64, 128, 256)  # sequences that decode at once, for a look at what hangs on them
SLOWER = 4.0  # a transfer takes so many times as long as an expert on the device
GUESS = Costs(transfer=2e-3, device=0.5e-3, first=0.0, token=0.2e-3, other=0.0)  # before anything was measured
SETUPS = {
    "static": Policies(StaticMap(), Fixed(), Nothing()),
    "hybrid": Policies(Hybrid(), Fixed(), Nothing()),
    "all": Policies(Hybrid(), MinusRecentScore(), Impact()),
    "offloading": Policies(OnDemand(), LeastRecent(), Adaptive()),
}


def two_cores() -> tuple[int, int] | None:
    """Return two cores that this process may use, `None` if there is one."""
    known = sorted(os.sched_getaffinity(0))
    return (known[0], known[1]) if len(known) > 1 else None


def run(
    size: Size, passes: int, seed: int, rate: float = 0.0, rounds: int = 1
) -> tuple[dict[str, Record], float, Costs]:
    """Compute the same passes under every set-up; return the records, how far outputs are apart, and the costs.

    Every round is one turn of each set-up, so that a machine that slows down does so for all.

    `apart` is the largest difference from the plain forward pass over the largest state. The link moves `rate` bytes a
    second; 0 makes a transfer `SLOWER` times as long as an expert on the device.
    """
    visits = drawn(size, CALIBRATION + WARM + passes, seed)
    frequency = (visits.asked.loads[:CALIBRATION] / size.batch).mean(axis=0)
    warm, rest = _part(visits, CALIBRATION, CALIBRATION + WARM), _part(visits, CALIBRATION + WARM, len(visits.experts))
    x = begin(size, seed)
    with Machine(size, RATIO, rate or 4.0 * size.floats / GUESS.transfer, seed, two_cores()) as machine:
        expected = plain(machine.store, size, rest, x)
        if not rate:
            first = Serving(machine, SETUPS["hybrid"], GUESS, warm, frequency, Record()).run(x)
            machine.link.rate = 4.0 * size.floats / (SLOWER * float(np.median(first.device)))
        machine.link.samples.clear()
        tried = Serving(machine, SETUPS["hybrid"], GUESS, warm, frequency, Record()).run(x)
        costs = fitted(tried.cpu, tried.device, machine.link.samples or [machine.link.seconds])
        found = {name: Record() for name in SETUPS}
        for _ in range(rounds):
            for name, policies in SETUPS.items():
                Serving(machine, policies, costs, rest, frequency, found[name]).run(x)
    most = max(float(np.abs(state).max()) for state in expected)
    apart = [
        float(np.abs(mine - theirs).max()) / most
        for record in found.values()
        for mine, theirs in zip(record.states, expected * rounds, strict=True)
    ]
    return found, max(apart), costs


def measure(seed: int, size: Size = Size(), passes: int = 6, rounds: int = 2) -> dict[str, float]:  # noqa: B008 a frozen value
    """Return gains over the static map in wall time, how far plans are off in %, and how far outputs are apart.

    `cores` is how many two threads get; below 1.8 of them times are not numbers: they cannot be measured. `off` is the
    median difference of a layer's time from its plan, over its plan, of the set-up `hybrid`.
    """
    before = cores()
    found, apart, costs = run(size, passes, seed, rounds=rounds)
    have = min(before, cores())
    figures = {"cores": have, "apart": apart, "ratio": costs.transfer / costs.device}
    times = {name: float(np.median(record.passes)) for name, record in found.items()}
    figures |= {f"{name}_gain": times["static"] / taken for name, taken in times.items() if name != "static"}
    figures |= {f"{name}_ms": 1e3 * taken for name, taken in times.items()}
    for name in ("static", "hybrid", "all"):
        planned, taken = np.array(found[name].layers).T
        figures[f"{name}_off"] = 100.0 * float(np.median(np.abs(taken - planned) / planned))
    timed = [name for name in figures if name not in ("cores", "apart")]
    return figures if have >= CORES else figures | dict.fromkeys(timed, float("nan"))


def _part(visits: Visits, first: int, last: int) -> Visits:
    return Visits(visits.experts[first:last], visits.weights[first:last], visits.asked.part(first, last))


def main() -> None:
    """Print what this machine shows, by sequences that decode at once: the more, the faster the device's side is."""
    for batch in BATCHES:
        print(f"{batch} sequences")
        for name, value in measure(0, Size(batch=batch)).items():
            print(f"  {name:16} {value:.6g}" if np.isfinite(value) else f"  {name:16} not measurable")


if __name__ == "__main__":
    main()
