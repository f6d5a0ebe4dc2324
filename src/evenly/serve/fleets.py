"""What a fleet whose replicas come and go comes to: replica-hours, starts, and who waited for them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from evenly.core import Array
from evenly.core.document import told, unstructure

if TYPE_CHECKING:
    from evenly.serve.scenario import Fleet, ServeScenario

HOUR = 3600.0


def figures(run: Any, items: Mapping[str, Array]) -> dict[str, float]:
    """Return the figures of a fleet whose replicas come and go; none of one that stays."""
    if run.lives is None:
        return {}
    busy, lived, count = float(run.pools["busy"].sum()), float(run.lives.seconds.sum()), len(items["arrival"])
    return {
        "replica_hours": lived / HOUR,
        "cold_share": run.lives.cold / count if count else float("nan"),
        "starts": float(run.lives.starts),
        "idle_share": 1.0 - busy / lived if lived > 0 else float("nan"),
    }


def seconds(run: Any, replicas: int, span: float) -> float:
    """Return the seconds that all replicas lived in a run of `span` seconds."""
    return span * replicas if run.lives is None else float(run.lives.seconds.sum())


def series(run: Any) -> dict[str, dict[str, Array]]:
    """Return the lives of replicas as columns, in order of their begin; nothing if they stay."""
    if run.lives is None:
        return {}
    rows = run.lives.ended[np.argsort(run.lives.ended[:, 1], kind="stable")]
    return {
        "lives": {
            "time": rows[:, 1],
            "ready": rows[:, 2],
            "end": rows[:, 3],
            "replica": rows[:, 0].astype(np.int64),
        }
    }


def over_time(run: Any, steps: int) -> dict[str, Array]:
    """Return how many replicas there are at the end of each time bin, starting ones included; nothing if they stay."""
    if run.lives is None:
        return {}
    edges = (np.arange(steps) + 1) * run.width
    born, ended = np.sort(run.lives.ended[:, 1]), np.sort(run.lives.ended[:, 3])
    there = np.searchsorted(born, edges, "right") - np.searchsorted(ended, edges, "right")
    there[-1:] = int((run.lives.ended[:, 3] == ended[-1]).sum()) if len(ended) else 0  # those that see the end
    return {"replicas": there.astype(np.float64)}


def facts(scenario: "ServeScenario", fleet: "Fleet", run: Any) -> dict[str, str | int | float]:
    """Return how replicas come and go, and what a start takes."""
    if scenario.scaling is None:
        return {}
    scaling = scenario.scaling
    chosen = scaling.scale
    return {
        "replicas at least": scaling.least,
        "requests that a replica is meant for": scaling.concurrency,
        "keep": told(unstructure(scaling.keep), type(scaling.keep).__name__),
        "scale": told(unstructure(chosen), type(chosen).__name__) if chosen else "as many as the requests fill",
        "seconds of a start": scaling.start(fleet.model, scenario.tensor * scenario.host_bandwidth),
        "bytes/s of weights, an assumption": scaling.bandwidth,
    }
