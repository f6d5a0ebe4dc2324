"""Public tables of a function platform: read, written, refused; the simulator's own exports read like them."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.balance.keepalives.fixed import Fixed
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.region import Region
from evenly.cluster.functions.workloads.tables import Tables
from evenly.report.exports.cold_starts import ColdStarts
from evenly.testing.functions import served
from evenly.traces.functions import schema
from evenly.traces.functions.describe import describe
from evenly.traces.functions.files import find
from evenly.traces.functions.load import load
from evenly.traces.functions.write import write_cold_starts, write_functions, write_requests

PARTS = np.array([[0.01, 0.05, 0.0, 0.44], [10.5, 0.1, 0.2, 0.7], [0.02, 0.08, 1.0, 0.4], [0.01, 0.02, 0.0, 0.17]])


def tables(folder: Path, region: str = "R2") -> Path:
    """Write four cold starts and six requests of three functions, one of them in no table of functions."""
    names = np.array(["a", "b", "a", "c"], object)
    pods = np.array([f"pool24-300-128-{k:010d}" for k in range(4)], object)
    cold: dict[str, Any] = dict(zip(schema.PARTS, PARTS.T, strict=True))
    common = {"clusterName": np.ones(4, np.int64), "requestID": np.array(list("wxyz"), object)}
    cold |= {"time": np.array([10.0, 20.0, 86_410.0, 86_500.0]), "totalCost_cold_start": PARTS.sum(axis=1)}
    write_cold_starts({**cold, **common, "funcName": names, "userID": names, "podID": pods}, folder / region)
    take = np.array([0, 1, 2, 3, 0, 1])
    requests = {
        "time_worker": np.array([11.0, 32.0, 86_412.0, 86_501.0, 30.0, 40.0]),
        "time_frontend": np.array([10.0, np.nan, 86_410.0, np.nan, 30.0, 40.0]),
        "runtimeCost": np.array([0.5, 1.0, 0.5, 2.0, 0.5, 1.0]),
        "funcName": names[take],
        "userID": names[take],
        "podID": pods[take],
    }
    write_requests(requests, folder / region)
    known = {"funcID": np.array(["a---a---pool24", "b---b---pool24-300-128"], object), "cpu_request": np.full(2, 100.0)}
    kinds = {"runtime": np.array(["Java", "Python3"], object)}
    write_functions(
        {**known, **kinds, "triggerType-invocationType": np.array(["TIMER-A", "MQ-X"], object)}, folder / region
    )
    return folder


def series(folder: Path, region: str = "R2") -> None:
    place = folder / region / "num_cold_starts"
    place.mkdir(parents=True)
    (place / "one.csv").write_text("day,time,f1,f2\n0,0,1,2\n0,60,3,\n")
    (place / "two.csv").write_text("day,time,f3\n0,0,5\n0,60,nan\n")


def test_tables_are_told_by_region_runtime_and_trigger(tmp_path: Path) -> None:
    series(tables(tmp_path))
    found = describe(tmp_path)
    rows = {(row["region"], row["table"]): (row["files"], row["rows"]) for row in found["files"]}
    assert rows == {("R2", "cold_starts"): (2, 4), ("R2", "requests"): (2, 6), ("R2", "functions"): (1, 2)}
    (cold,) = found["cold_starts"]
    assert cold["start_p50"] == pytest.approx(np.quantile(PARTS.sum(axis=1), 0.5))
    assert cold["start_mean"] == pytest.approx(PARTS.sum(axis=1).mean())
    assert cold["parts_differ"] == 0.0
    assert {row["kind"]: row["of_cold_starts"] for row in found["runtimes"]} == {
        "Java": 0.5,
        "Python3": 0.25,
        "unknown": 0.25,
    }
    assert {row["kind"] for row in found["triggers"]} == {"TIMER-A", "MQ-X", "unknown"}
    assert [row["kind"] for row in found["sizes"]] == ["300-128"]
    assert found["calls"][0]["frontend_missing"] == pytest.approx(2 / 6)
    shares = {row["part"]: row["share_of_sum"] for row in found["parts"]}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["podAllocation"] == pytest.approx(PARTS[:, 0].sum() / PARTS.sum())
    (told,) = found["series"]
    assert (told["functions"], told["minutes"], told["mean_of_a_minute"], told["peak_of_a_minute"]) == (3, 2, 5.5, 8.0)


def test_the_utility_of_pods_is_told_both_ways(tmp_path: Path) -> None:
    found = describe(tables(tmp_path))["utility"]
    life = np.array([30.5 - 10.0, 41.0 - 20.0, 86_412.5 - 86_410.0, 86_503.0 - 86_500.0])
    for row, useful in zip(found, (life, life - PARTS.sum(axis=1)), strict=True):
        ratio = useful / PARTS.sum(axis=1)
        assert row["pods_in_both"] == 4
        assert row["ratio_p50"] == pytest.approx(np.quantile(ratio, 0.5))
        assert row["below_1"] == pytest.approx((ratio < 1).mean())


def test_gzip_and_a_folder_without_regions_are_read_too(tmp_path: Path) -> None:
    tables(tmp_path, ".")
    for path in list(tmp_path.rglob("*.csv")):
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert {one.region for one in find(tmp_path)} == {tmp_path.name}
    assert describe(tmp_path)["cold_starts"][0]["cold_starts"] == 4


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("cold_starts/day_00.csv", "10.5,", "ten,", r"day_00.csv:3: podAllocationCost is 'ten'; expected a number"),
        ("cold_starts/day_00.csv", "10.5,", ",", r"day_00.csv:3: podAllocationCost is ''; a number is needed here"),
        (
            "cold_starts/day_00.csv",
            "10.5,",
            "-10.5,",
            r"day_00.csv:3: podAllocationCost is '-10.5'; times are at least 0",
        ),
        ("cold_starts/day_00.csv", "pool24-300-128-0000000001", "", r""),
        (
            "cold_starts/day_01.csv",
            "deployCodeCost",
            "deployCode",
            r"day_01.csv:1: looks like the table cold_starts, but",
        ),
        (
            "cold_starts/day_01.csv",
            ",0.4,",
            ",0.4,7,",
            r"day_01.csv:2: the line is .*; 13 fields where the header has 12",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    change(tables(tmp_path) / "R2" / file, old, new)
    if not message:
        describe(tmp_path)
        return
    with pytest.raises(ValueError, match=message):
        describe(tmp_path)


def test_a_folder_without_tables_says_what_a_table_is(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="holds no table of a function platform; a table is a CSV file with columns"):
        describe(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        describe(tmp_path / "absent")


def test_requests_are_served_again_with_the_cold_starts_that_were_measured(tmp_path: Path) -> None:
    calls = Tables(str(tables(tmp_path))).draw(1)
    assert calls.arrival.tolist() == [0.0, 19.0, 21.0, 29.0, 86_401.0, 86_490.0]
    assert calls.functions.triggers == ("MQ-X", "TIMER-A", "unknown")
    run = served(FunctionsScenario(keep=Fixed(60.0)), calls)
    cold = np.isfinite(run.calls["began"])
    assert cold.tolist() == [True, False, True, True, True, True]  # b's second call comes while its first one starts
    of_b = calls.parts[calls.function == 1]
    assert of_b == pytest.approx(np.tile(PARTS[1], (2, 1)))


def test_regions_are_named_where_there_are_several(tmp_path: Path) -> None:
    tables(tables(tmp_path), "R3")
    with pytest.raises(ValueError, match="name one that has requests: R2, R3"):
        load(tmp_path)
    assert load(tmp_path, "R3").region == "R3"


def test_what_a_run_exports_reads_as_what_it_drew(tmp_path: Path) -> None:
    outcome = FunctionsScenario(trace=Region(functions=40, hours=30.0)).run()
    place = ColdStarts().write(outcome, tmp_path)
    found = describe(place)
    drawn = np.isfinite(outcome.items["allocation"])
    assert found["cold_starts"][0]["cold_starts"] == drawn.sum()
    assert found["cold_starts"][0]["start_p50"] == pytest.approx(np.median(outcome.items["added"][drawn]), rel=1e-6)
    assert found["cold_starts"][0]["parts_differ"] == 0.0
    names, counts = np.unique(outcome.items["trigger"][drawn].astype(str), return_counts=True)
    told = {row["kind"]: row["of_cold_starts"] for row in found["triggers"]}
    assert told == pytest.approx(dict(zip(names.tolist(), (counts / drawn.sum()).tolist(), strict=True)))


def test_the_command_measures_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from evenly.cli.measure import measure

    measure(tables(tmp_path / "in"), as_json=True)
    assert json.loads(capsys.readouterr().out)["cold_starts"][0]["cold_starts"] == 4
    measure(tmp_path / "in", out=tmp_path / "out")
    assert "By runtime" in capsys.readouterr().out
    assert "By runtime" in (tmp_path / "out" / "report.html").read_text()
