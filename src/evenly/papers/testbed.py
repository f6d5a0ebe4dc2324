"""The machine of the published serving experiments, as evenly models it."""

from dataclasses import dataclass
from typing import Any

from evenly.core import Trace
from evenly.hardware.costs.layer_table import LayerTable
from evenly.serve.engines import Engine
from evenly.serve.scenario import ServeScenario


@dataclass(frozen=True, slots=True)
class Given:
    """The requests are handed to the scenario with each run."""

    def draw(self, seed: int) -> Trace:
        """Refuse: a paper draws its own requests."""
        raise ValueError("a paper hands its requests to the scenario with each run")


def a100(model: str, tensor: int, engine: Engine, **changes: Any) -> ServeScenario:
    """Return a replica on A100 80 GB with the measured layers: 2 ms head and 5 ms host a pass, the same for all."""
    given: dict[str, Any] = {"trace": Given(), "cost": LayerTable()}
    return ServeScenario(**given | changes, model=model, device="a100-80gb", tensor=tensor, engine=engine)
