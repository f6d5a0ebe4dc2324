"""How uneven the calls and cold starts of a function platform are, in tables; streamed, never loaded whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenly.measure.association import spearman
from evenly.traces.formats._columns import duck_error, quoted
from evenly.traces.functions import schema
from evenly.traces.functions.files import SERIES, Found, database, fault, find, source
from evenly.traces.functions.view import KNOWN, POOL, SIZE, STEM, view

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
SAMPLED = 200_000  # rows that rank correlations are computed from, give or take chance
DAY = 86_400.0
FEW = 12  # runtimes and triggers told one by one
WANTED: Mapping[str, tuple[str, ...]] = {
    "cold_starts": ("day", "time", "funcName", "userID", "totalCost_cold_start", *schema.PARTS, "podID"),
    "requests": ("time_worker", "time_frontend", "funcName", "podID", "runtimeCost"),
    "functions": schema.FUNCTIONS,
}
HASHED: Mapping[str, tuple[str, ...]] = {"cold_starts": (), "requests": ("funcName", "podID"), "functions": ()}
"Names that are only compared: of each 64 bits are kept, which confuse some of ten million in 3 of a million cases."
UNITS: Mapping[str, str] = {
    **{f"{what}_p{level * 100:g}": "s" for what in ("start", "gap", "run", "part") for level in LEVELS},
    **dict.fromkeys(("start_mean", "lognormal_median", "observed"), "s"),
    **dict.fromkeys(("share_of_sum", "frontend_missing", "parts_differ", "below_1", "of_cold_starts"), "share"),
    "busiest_1_percent": "share",
}
"Unit of a column by its name: `s`, `share`; others are counts or pure numbers."


def describe(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return tables by name, each a list of rows: files, cold starts, their parts, kinds, calls, pods, series.

    A quantity that a region's tables do not tell is absent. Averages are never taken over functions: timers would
    drown all others. Raises `ValueError` that names file, line, field, value and remedy.
    """
    found = find(folder)
    tables: dict[str, list[dict[str, Any]]] = {"files": []}
    with database() as base:
        for region in dict.fromkeys(one.region for one in found):
            mine = {one.table: one for one in found if one.region == region and one.table != SERIES}
            for one in mine.values():
                view(base, one, WANTED[one.table], HASHED[one.table])
                rows = base.execute(f"SELECT count(*) FROM {one.table}").fetchone()[0]
                tables["files"].append({"region": region, "table": one.table, "files": len(one.files), "rows": rows})
            for name, rows in _region(base, region, mine).items():
                tables.setdefault(name, []).extend(rows)
            for one in mine.values():
                base.execute(f"DROP TABLE {one.table}")
        tables |= _series(base, [one for one in found if one.table == SERIES])
    return {name: rows for name, rows in tables.items() if rows}


def _region(base: Any, region: str, mine: Mapping[str, Found]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if "cold_starts" in mine:
        found["cold_starts"] = [{"region": region, **_colds(base)}]
        found["between_cold_starts"] = [{"region": region, **_between(base)}]
        found["parts"] = [{"region": region, **row} for row in _parts(base)]
        _named_colds(base, "functions" in mine)
        columns = {"size": "sizes"} | ({"runtime": "runtimes", "called": "triggers"} if "functions" in mine else {})
        for column, name in columns.items():
            found[name] = [{"region": region, **row} for row in _grouped(base, column)]
    if "requests" in mine:
        found["calls"] = [{"region": region, **_calls(base)}]
        found["calls_by_function"] = [{"region": region, **_by_function(base)}]
    if "cold_starts" in mine and "requests" in mine:
        found["utility"] = [{"region": region, **row} for row in _utility(base)]
    return found


def _quantiles(base: Any, what: str, value: str, of: str, levels: Sequence[float] = LEVELS) -> dict[str, float]:
    """Return quantiles of a value by name; NaN without rows."""
    (found,) = base.execute(f"SELECT quantile_cont({value}, {list(levels)}) FROM {of}").fetchone()
    return _named(what, levels, found or [float("nan")] * len(levels))


def _named(what: str, levels: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    return {f"{what}_p{level * 100:g}": value for level, value in zip(levels, values, strict=True)}


def _colds(base: Any) -> dict[str, Any]:
    total = "totalCost_cold_start"
    log = f"ln(greatest({total}, 1e-6))"
    count, mean, median, sigma, apart = base.execute(
        f"SELECT count(*), avg({total}), exp(avg({log})), stddev_pop({log}), "
        f"avg(CASE WHEN abs({' + '.join(schema.PARTS)} - {total}) > 0.05 * {total} THEN 1 ELSE 0 END) FROM cold_starts"
    ).fetchone()
    figures = {"cold_starts": count, "start_mean": mean, **_quantiles(base, "start", total, "cold_starts")}
    return figures | {"lognormal_median": median, "lognormal_sigma": sigma, "parts_differ": apart}


def _between(base: Any) -> dict[str, Any]:
    gaps = "(SELECT t - lag(t) OVER (ORDER BY t) AS gap FROM (SELECT day * 86400 + time AS t FROM cold_starts))"
    return _quantiles(base, "gap", "gap", f"{gaps} WHERE gap IS NOT NULL")


def _parts(base: Any) -> list[dict[str, Any]]:
    columns = ", ".join(("totalCost_cold_start", *schema.PARTS))
    (count,) = base.execute("SELECT count(*) FROM cold_starts").fetchone()
    chosen = f"hash(day, time, podID) % {max(count, 1)} < {SAMPLED}"  # the same rows in every run, whatever their order
    sample = base.execute(f"SELECT {columns} FROM cold_starts WHERE {chosen}").fetchnumpy()
    plain = {name: np.ma.filled(np.ma.asarray(column, np.float64), np.nan) for name, column in sample.items()}
    whole = plain["totalCost_cold_start"]
    asked = ", ".join(f"sum({name}) / sum(totalCost_cold_start), quantile_cont({name}, 0.5)" for name in schema.PARTS)
    told = base.execute(f"SELECT {asked} FROM cold_starts").fetchone()
    return [
        {
            "part": name.removesuffix("Cost"),
            "part_p50": told[2 * k + 1],
            "share_of_sum": told[2 * k],
            "rank_correlation": spearman(whole, plain[name]),
        }
        for k, name in enumerate(schema.PARTS)
    ]


def _named_colds(base: Any, functions: bool) -> None:
    """Make the table `kinds`: one row a cold start with its size and, where functions are told, runtime and trigger."""
    base.execute(
        "CREATE OR REPLACE TABLE stems AS SELECT totalCost_cold_start AS x, funcName, userID, "
        f"{STEM} AS stem FROM cold_starts"
    )
    told = (
        f"(SELECT {KNOWN} AS id, min(nullif(runtime, '')) AS runtime, "
        f"min(nullif({quoted('triggerType-invocationType')}, '')) AS called FROM functions GROUP BY 1)"
    )
    different = (
        f"(SELECT *, {SIZE} AS size, concat_ws('---', funcName, userID, {POOL}) AS id "
        "FROM (SELECT DISTINCT funcName, userID, stem FROM stems))"
    )
    joined = f"{different} LEFT JOIN {told} USING (id)" if functions else different
    columns = "x, size, runtime, called" if functions else "x, size"
    base.execute(
        f"CREATE OR REPLACE TABLE kinds AS SELECT {columns} FROM stems "
        f"JOIN (SELECT * FROM {joined}) AS named ON stems.stem IS NOT DISTINCT FROM named.stem "
        "AND stems.funcName IS NOT DISTINCT FROM named.funcName AND stems.userID IS NOT DISTINCT FROM named.userID"
    )


def _grouped(base: Any, column: str) -> list[dict[str, Any]]:
    """Return share and quantiles of the cold starts by kind, the most frequent first, and the others together."""
    levels = [0.25, 0.5, 0.75, 0.9]
    count = base.execute("SELECT count(*) FROM kinds").fetchone()[0]
    rows = base.execute(
        f"SELECT {column}, count(*), quantile_cont(x, {levels}) FROM kinds GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {FEW}"
    ).fetchall()
    found = [
        {"kind": kind or "unknown", "of_cold_starts": many / count, **_named("start", levels, q)}
        for kind, many, q in rows
    ]
    rest = count - sum(many for _, many, _ in rows)
    return [*found, {"kind": "others", "of_cold_starts": rest / count}] if rest else found


def _calls(base: Any) -> dict[str, Any]:
    count, span, missing = base.execute(
        "SELECT count(*), max(time_worker) - min(time_worker), "
        "avg(CASE WHEN time_frontend IS NULL THEN 1 ELSE 0 END) FROM requests"
    ).fetchone()
    return {
        "calls": count,
        "observed": span,
        "frontend_missing": missing,
        **_quantiles(base, "run", "runtimeCost", "requests"),
    }


def _by_function(base: Any) -> dict[str, Any]:
    """Return quantiles of the calls of a function, and how many of all calls the busiest 1% of functions get."""
    calls = "(SELECT funcName, count(*) AS calls FROM requests GROUP BY funcName)"
    row = base.execute(f"SELECT count(*), quantile_cont(calls, {list(LEVELS)}), max(calls) FROM {calls}").fetchone()
    top = base.execute(
        f"SELECT sum(calls) FILTER (place <= greatest(1, of // 100)) / sum(calls) FROM "
        f"(SELECT calls, row_number() OVER (ORDER BY calls DESC) AS place, count(*) OVER () AS of FROM {calls})"
    ).fetchone()
    return {"functions": row[0], **_named("calls", LEVELS, row[1]), "busiest": row[2], "busiest_1_percent": top[0]}


def _utility(base: Any) -> list[dict[str, Any]]:
    """Return useful lifetime over cold-start time of the pods that both tables name, by both conventions.

    Useful is a pod until the end of its last call, so the keep-alive counts for nothing.
    """
    (latest,) = base.execute("SELECT max(time_worker) FROM requests").fetchone()
    begun = (
        "day * 86400 + time" if (latest or 0.0) > DAY else "time"
    )  # requests count from the first day, or from theirs
    base.execute(
        f"CREATE OR REPLACE TABLE pods AS SELECT last - ({begun}) AS life, totalCost_cold_start AS start FROM "
        "(SELECT *, hash(podID) AS pod FROM cold_starts WHERE podID IS NOT NULL) JOIN (SELECT podID AS pod, "
        "max(time_worker + coalesce(runtimeCost, 0)) AS last FROM requests GROUP BY 1) USING (pod) "
        f"WHERE totalCost_cold_start > 0 AND last >= {begun}"
    )
    levels = (0.1, 0.2, 0.5, 0.75, 0.9)
    rows = []
    for counted, life in (("its start", "life"), ("when it is ready", "greatest(life - start, 0)")):
        count, below, told = base.execute(
            f"SELECT count(*), avg(({life} < start)::INTEGER), quantile_cont({life} / start, {list(levels)}) FROM pods"
        ).fetchone()
        if count:
            named = _named("ratio", levels, told)
            rows.append({"lifetime_from": counted, "pods_in_both": count, **named, "below_1": below})
    return rows


def _series(base: Any, found: Sequence[Found]) -> dict[str, list[dict[str, Any]]]:
    """Return the sum over all functions of each series by the minute: its mean, peak, and peak over mean."""
    rows = []
    for one in found:
        sums: dict[tuple[float, float], float] = {}
        functions: set[str] = set()
        for path in one.files:
            for (day, time), value in _minutes(base, path, functions).items():
                sums[day, time] = sums.get((day, time), 0.0) + value
        values = np.array(list(sums.values()))
        if len(values):
            mean, peak = float(values.mean()), float(values.max())
            over = peak / mean if mean else float("nan")
            figures = {"mean_of_a_minute": mean, "peak_of_a_minute": peak, "peak_over_mean": over}
            rows.append(
                {
                    "region": one.region,
                    "series": one.metric,
                    "functions": len(functions),
                    "minutes": len(values),
                    **figures,
                }
            )
    return {"series": rows}


def _minutes(base: Any, path: Path, functions: set[str]) -> dict[tuple[float, float], float]:
    """Return the sum over the columns of a wide file by day and time; rows are read one chunk at a time."""
    from evenly.traces.formats._columns import csv_names
    from evenly.traces.functions.files import header

    names = csv_names(header(path))[2:]
    functions.update(names)
    total = "list_sum([" + ", ".join(quoted(name) for name in names) + "])"
    try:
        rows = base.execute(
            f"SELECT day, time, sum(coalesce({total}, 0)) FROM {source(path, SERIES)} GROUP BY ALL ORDER BY ALL"
        )
        return {(day, time): value for day, time, value in rows.fetchall()}
    except duck_error() as error:
        fault(path, SERIES, str(error))
