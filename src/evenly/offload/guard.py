"""Choose between two set-ups by what they took, not by what a model says they take."""

from dataclasses import replace
from typing import TYPE_CHECKING

from evenly.kernel.offload.asked import Asked
from evenly.offload.prefetches.adaptive import Adaptive
from evenly.offload.schedulers.on_demand import OnDemand

if TYPE_CHECKING:
    from evenly.offload.scenario import OffloadScenario


def offloading(scenario: "OffloadScenario") -> "OffloadScenario":
    """Return pure offloading with the same cache: the device computes everything, the CPU nothing."""
    return replace(scenario, scheduler=OnDemand(), prefetch=Adaptive(), guard=False)


def faster(scenario: "OffloadScenario", asked: Asked) -> "OffloadScenario":
    """Return the scenario or pure offloading, whichever computes the calibration run in less time."""
    plain = offloading(scenario)
    ours, theirs = scenario.seconds(asked, calibrating=True), plain.seconds(asked, calibrating=True)
    return plain if theirs < ours else scenario
