"""How many servers a row can hold without ever needing its brake."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from evenly.cluster.row.row import Demand
from evenly.cluster.row.scenario import RowScenario
from evenly.core.scenario import Progress, silent


def safe(
    scenario: RowScenario,
    seeds: Sequence[int],
    most: int,
    progress: Progress = silent,
    drawn: Callable[[int], Demand] | None = None,
) -> int:
    """Return the largest number of servers with which no seed brakes, from those that the budget covers to `most`.

    Found by halving, so brakes are taken to become no fewer with more servers; without caps the first one never comes
    later. One less than the budget covers means that not even those are safe. Servers have the same requests, whatever
    their number; `drawn` returns those of `most` servers by seed, where they are known already.
    """
    plant = replace(scenario, servers=most).plant
    asked = {seed: drawn(seed) if drawn else plant.demand(scenario.trace, seed) for seed in seeds}
    low, high = scenario.provisioned - 1, most + 1  # the first counts as safe, the other does not
    begun = high - low
    while high - low > 1:
        progress(begun - (high - low), begun)
        servers = (low + high) // 2
        unsafe = any(brakes(replace(scenario, servers=servers, seed=seed), asked[seed]) for seed in seeds)
        low, high = (low, servers) if unsafe else (servers, high)
    return low


def brakes(scenario: RowScenario, asked: Demand) -> bool:
    """Tell whether the row brakes at all; the run ends at the first time."""
    run = scenario.check().plant.run(scenario.settled(), asked, scenario.trace.seconds, scenario.seed, first=True)
    return bool(run.state[0]["brakes"])
