"""Calls and cold starts of one region as columns, for a simulation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.traces.functions.files import Found, database, find
from evenly.traces.functions.schema import FUNCTIONS, PARTS
from evenly.traces.functions.view import KNOWN, POOL, SIZE, STEM, view

UNKNOWN = "unknown"
NAMED = "funcName || '---' || coalesce(userID, '')"
WANTED = {
    "cold_starts": ("day", "time", "requestID", "funcName", "userID", *PARTS),
    "requests": ("time_worker", "funcName", "userID", "podID", "runtimeCost"),
    "functions": FUNCTIONS,
}


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """The calls of a region in order of arrival, and its cold starts."""

    runtime: tuple[str, ...]
    "Of each function; `unknown` where no table names it."
    trigger: tuple[str, ...]
    size: tuple[str, ...]
    "Millicores and MB of its pods."
    function: Ints
    "Which function each call is of."
    arrival: Floats
    "Seconds from the first call."
    seconds: Floats
    "Seconds that each call ran; 0 where the table does not say."
    cold_function: Ints
    "Which function each cold start is of; -1 for one without calls here."
    parts: Floats
    "Parts of each cold start, shape [*, 4]."
    region: str


def load(folder: Path, region: str = "") -> Loaded:
    """Return the calls of a region; `region` may be left out where there is one only.

    Raises `ValueError` if the folder has no requests and cold starts of the region, and for values that cannot be.
    """
    found = find(folder)
    known = sorted({one.region for one in found if one.table == "requests"})
    if not known:
        raise ValueError(f"{folder}: holds no table of requests, without which there is nothing to serve")
    if region not in known and (region or len(known) > 1):
        raise ValueError(f"{folder}: no region '{region}'; name one that has requests: {', '.join(known)}")
    mine = {one.table: one for one in found if one.region == (region or known[0]) and one.table != "series"}
    if "cold_starts" not in mine:
        raise ValueError(f"{folder}: region {region or known[0]} has requests but no cold starts")
    with database() as base:
        for one in mine.values():
            view(base, one, WANTED[one.table])
        return _loaded(base, mine, region or known[0])


def _loaded(base: Any, mine: dict[str, Found], region: str) -> Loaded:
    base.execute(
        f"CREATE TABLE named AS SELECT row_number() OVER (ORDER BY f) - 1 AS code, f, {SIZE} AS size, "
        f"f || '---' || {POOL} AS kind FROM (SELECT {NAMED} AS f, {STEM} AS stem FROM requests GROUP BY 1, 2 "
        "QUALIFY row_number() OVER (PARTITION BY f ORDER BY count(*) DESC, stem) = 1)"
    )
    sizes = [size for (size,) in base.execute("SELECT size FROM named ORDER BY code").fetchall()]
    calls = base.execute(
        "SELECT code, time_worker - min(time_worker) OVER () AS arrival, coalesce(runtimeCost, 0) AS seconds "
        f"FROM requests JOIN named ON f = {NAMED} ORDER BY arrival, code"
    ).fetchnumpy()
    colds = base.execute(
        f"SELECT coalesce(code, -1) AS code, {', '.join(PARTS)} FROM cold_starts "
        f"LEFT JOIN named ON f = {NAMED} ORDER BY day, time, requestID"
    ).fetchnumpy()
    runtime, trigger = _kinds(base, "functions" in mine, len(sizes))
    plain = {name: np.ma.getdata(column) for name, column in {**calls, **colds}.items()}
    return Loaded(
        runtime,
        trigger,
        tuple(size or UNKNOWN for size in sizes),
        np.asarray(np.ma.getdata(calls["code"]), np.int64),
        np.asarray(plain["arrival"], np.float64),
        np.maximum(np.asarray(plain["seconds"], np.float64), 0.0),
        np.asarray(np.ma.getdata(colds["code"]), np.int64),
        np.stack([np.asarray(plain[name], np.float64) for name in PARTS], axis=1),
        region,
    )


def _kinds(base: Any, told: bool, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return runtime and trigger of each function."""
    if not told:
        return (UNKNOWN,) * count, (UNKNOWN,) * count
    rows = base.execute(
        'SELECT min(runtime), min("triggerType-invocationType") FROM named '
        f"LEFT JOIN functions ON kind = {KNOWN} GROUP BY code ORDER BY code"
    ).fetchall()
    return tuple(runtime or UNKNOWN for runtime, _ in rows), tuple(trigger or UNKNOWN for _, trigger in rows)
