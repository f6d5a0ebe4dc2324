"""How many servers a row can hold without ever needing its brake."""

from collections.abc import Sequence
from dataclasses import replace

from evenly.cluster.power.row import Demand
from evenly.cluster.power.scenario import RowScenario
from evenly.core.scenario import Progress, silent


def safe(scenario: RowScenario, seeds: Sequence[int], most: int, progress: Progress = silent) -> int:
    """Return the largest number of servers up to which no seed brakes, from those that the budget covers to `most`.

    Counts are tried one by one: a policy may be safe with more servers and not with fewer. One less than the budget
    covers means that not even those are safe. Servers have the same requests, whatever their number.
    """
    asked = {seed: replace(scenario, servers=most).plant.demand(scenario.trace, seed) for seed in seeds}
    for servers in range(scenario.provisioned, most + 1):
        progress(servers - scenario.provisioned, most + 1 - scenario.provisioned)
        if any(brakes(replace(scenario, servers=servers, seed=seed), asked[seed]) for seed in seeds):
            return servers - 1
    return most


def brakes(scenario: RowScenario, asked: Demand) -> bool:
    """Tell whether the row brakes at all; the run ends at the first time."""
    run = scenario.check().plant.run(scenario.settled(), asked, scenario.trace.seconds, scenario.seed, first=True)
    return bool(run.state[0]["brakes"])
