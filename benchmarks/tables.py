"""Ten million rows of a function platform's tables, told by `evenly measure`."""

import tempfile
import time
from pathlib import Path

from benchmarks.calibration import peak_gib, spent
from benchmarks.figures import Figure
from evenly.traces.formats._columns import quoted
from evenly.traces.functions.describe import describe
from evenly.traces.functions.schema import COLD, FUNCTIONS, PARTS, REQUEST_COSTS, REQUESTS, USAGE

COLD_STARTS, CALLS = 2_000_000, 8_000_000  # as many cold starts as in a month of region R2; ten million rows in all
DAYS, FILES = 31, 10  # files of cold starts, one a day, and of calls
NAMES = 5000  # functions
CPU_LIMIT = 30.0
MEMORY_LIMIT = 2.0


def write(folder: Path, cold_starts: int = COLD_STARTS, calls: int = CALLS) -> None:
    """Write the three tables of a region, with names as long as the published ones; busy functions get most rows."""
    import duckdb

    with duckdb.connect(config={"memory_limit": "400MB", "temp_directory": str(folder)}) as base:
        for table, names, columns, rows, files in (
            ("cold_starts", COLD, _cold(cold_starts), cold_starts, DAYS),
            ("requests", REQUESTS, _request(cold_starts), calls, FILES),
            ("functions", FUNCTIONS, _function(), NAMES, 1),
        ):
            place = folder / table
            place.mkdir(parents=True)
            asked = ", ".join(f"{columns[name]} AS {quoted(name)}" for name in names)
            for k in range(files):
                some = f"range({rows * k // files}, {rows * (k + 1) // files}) AS rows(i)"
                base.execute(f"COPY (SELECT {asked} FROM {some}) TO '{place}/{k:02d}.csv' (FORMAT csv, HEADER)")


def _chance(salt: int) -> str:
    """Return a number from 0 to 1 that depends on the row alone, as SQL."""
    return f"(hash(i, {salt}) % 1000003 / 1000003.0)"


def _names(function: str) -> dict[str, str]:
    return {"funcName": f"md5(concat('f', {function}))", "userID": f"md5(concat('u', {function} // 3))"}


def _pod(number: str) -> str:
    return f"concat('pool', 20 + {number} % 9, '-300-128-', lpad(({number})::VARCHAR, 10, '0'))"


def _cold(count: int) -> dict[str, str]:
    function = f"({NAMES} * pow({_chance(1)}, 4))::BIGINT"
    parts = {name: f"round(exp(3 * {_chance(10 + k)} - 2), 6)" for k, name in enumerate(PARTS)}
    return {
        "day": f"i * {DAYS} // {count}",
        "time": f"round(i * {DAYS} * 86400.0 / {count} % 86400, 3)",
        "clusterName": "1 + i % 4",
        **_names(function),
        "requestID": "md5(i::VARCHAR)",
        "totalCost_cold_start": " + ".join(parts.values()),
        **parts,
        "podID": _pod("i"),
    }


def _request(pods: int) -> dict[str, str]:
    """Return the columns of calls of the last day; each is of one of the last day's pods."""
    last = pods // DAYS
    pod = f"({pods - last} + ({last} * pow({_chance(2)}, 2))::BIGINT)"
    seconds = {name: f"round(exp(6 * {_chance(20 + k)} - 5), 6)" for k, name in enumerate((*REQUEST_COSTS, *USAGE))}
    return {
        "time_worker": f"round({DAYS - 1} * 86400 + i * 86400.0 / {CALLS}, 3)",
        "time_frontend": f"CASE WHEN i % 5 = 0 THEN NULL ELSE round({DAYS - 1} * 86400 + i * 86400.0 / {CALLS}, 3) END",
        "requestID": "md5(concat('q', i))",
        "clusterName": "1 + i % 4",
        **_names(f"({NAMES} * pow(hash({pod}, 1) % 1000003 / 1000003.0, 4))::BIGINT"),
        "podID": _pod(pod),
        **seconds,
    }


def _function() -> dict[str, str]:
    names = _names("i")
    return {
        "funcID": f"concat_ws('---', {names['funcName']}, {names['userID']}, 'pool24')",
        "cpu_request": "100",
        "runtime": "['Python3', 'Java', 'Node', 'Custom'][1 + i % 4]",
        "triggerType-invocationType": "['TIMER-A', 'APIG-S', 'OBS-A'][1 + i % 3]",
    }


def measure() -> list[Figure]:
    """Return seconds, CPU-seconds and memory of telling the tables; writing them is not counted."""
    with tempfile.TemporaryDirectory(prefix="evenly-bench-") as name:
        folder = Path(name) / "R2"
        write(folder)
        before = peak_gib()
        size = sum(path.stat().st_size for path in folder.rglob("*.csv")) / 1e6
        cpu, begin = spent(), time.perf_counter()
        told = describe(folder)
        wall, cpu = time.perf_counter() - begin, spent() - cpu
    rows = sum(row["rows"] for row in told["files"])
    return [
        Figure("read and tell, elapsed", wall, "s"),
        Figure("read and tell, all threads", cpu, "CPU s", CPU_LIMIT),
        Figure("rows for each CPU-second", rows / cpu, "/s"),
        Figure("memory, peak", peak_gib(), "GiB", MEMORY_LIMIT),
        Figure("memory, peak, before", before, "GiB"),
        Figure("rows", float(rows), ""),
        Figure("files", size, "MB"),
    ]
