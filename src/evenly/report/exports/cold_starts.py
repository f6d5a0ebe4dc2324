"""Cold starts and functions as the public tables have them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.core import Array, Outcome
from evenly.traces.functions.write import write_cold_starts, write_functions


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """Tables of cold starts, one file a day, and of functions, which `evenly measure FOLDER` reads.

    Calls that waited for a pod without starting one are left out. Of runs of the kind `functions` only.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025.
    """

    cluster: int = 1
    "Name of the cluster, a number from 1 on."

    def __post_init__(self) -> None:
        if not 1 <= self.cluster < 1000:
            raise ValueError(f"cluster is a number from 1 to 999, not {self.cluster}")

    def write(self, outcome: Outcome, folder: Path) -> Path:
        """Write `tables/`, and return it; raise `ValueError` for a run without cold starts."""
        if "allocation" not in outcome.items:
            raise ValueError("the run has no cold starts to export; take a run of kind functions")
        rows = {name: column[np.isfinite(outcome.items["allocation"])] for name, column in outcome.items.items()}
        place = folder / "tables"
        write_cold_starts(_columns(rows, self.cluster), place)
        first = np.unique(rows["function"], return_index=True)[1]
        some = {name: column[first] for name, column in rows.items()}
        named = _named("f", some["function"]) + "---" + _named("u", some["function"]) + "---pool1"
        limit = np.array([float(size.partition("-")[0]) for size in some["size"]])
        kinds = {"runtime": some["runtime"], "triggerType-invocationType": some["trigger"]}
        write_functions({"funcID": named, "cpu_request": limit, **kinds}, place)
        return place


def _columns(rows: dict[str, Array], cluster: int) -> dict[str, Array]:
    parts = [rows[name] for name in ("allocation", "code", "dependency", "scheduling")]
    names = ("podAllocationCost", "deployCodeCost", "deployDependencyCost", "schedulingCost")
    return {
        "time": rows["arrival"],
        "clusterName": np.full(len(rows["call"]), cluster),
        "funcName": _named("f", rows["function"]),
        "userID": _named("u", rows["function"]),
        "requestID": _named("q", rows["call"]),
        "totalCost_cold_start": np.sum(parts, axis=0),
        **dict(zip(names, parts, strict=True)),
        "podID": _named("pool1-", rows["size"]) + _named("-", rows["pod"]),
    }


def _named(letter: str, numbers: Array) -> Array:
    return np.array([f"{letter}{number}" for number in numbers.tolist()], object)
