"""Scenarios of kind functions: figures, load, errors, folders."""

from pathlib import Path

import numpy as np
import pytest

from evenly.balance.keepalives.release import Release
from evenly.cluster.functions.cold_times import ColdTimes
from evenly.cluster.functions.joint_distribution import joint_distribution
from evenly.cluster.functions.pools.constant import Constant
from evenly.cluster.functions.published import PARTS, shares, tables
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.region import Region
from evenly.cluster.functions.workloads.replicas import Replicas
from evenly.core import Document, Outcome
from evenly.hardware.model import model
from evenly.sweep.folder import read, write
from evenly.sweep.scenarios import scenario_of

TEXT = "kind: functions\ntrace: {use: region, functions: 30, hours: 3}\nseed: 4\n"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


def test_the_load_is_the_time_that_calls_of_each_function_ran(outcome: Outcome) -> None:
    calls = Region(functions=30, hours=3.0).draw(4)
    wanted = np.bincount(calls.function, calls.seconds, len(calls.functions))
    assert outcome.load.total == pytest.approx(wanted)


def test_rows_are_the_calls_that_waited(outcome: Outcome) -> None:
    items = outcome.items
    assert items["cold"].sum() == outcome.metrics["cold_starts"]
    assert (items["added"] >= 0).all()
    parts = np.sum([items[name] for name in PARTS], axis=0)
    assert parts == pytest.approx(items["added"])


def test_pods_over_time_add_up(outcome: Outcome) -> None:
    table = outcome.series["pods"]
    width = 3 * 3600 / len(table["time"])
    assert table["busy"].sum() * width <= table["pods"].sum() * width
    assert table["pods"].sum() * width / 3600 <= outcome.metrics["pod_hours"] + 1e-9


def test_a_run_survives_its_folder_and_equals_itself(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert again.metrics == pytest.approx(dict(outcome.metrics), nan_ok=True)
    twin = scenario_of(Document.parse(TEXT)).run()
    assert twin.metrics == pytest.approx(dict(outcome.metrics), nan_ok=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("keep=fixd", "no 'fixd' among keepalives; did you mean 'fixed'"),
        ("keep={use: fixed, seconds: -1}", "seconds is at least 0 and finite, not -1"),
        ("trace.region=R9", "no choice 'R9'"),
        ("trace.functions=0", "functions is 1 to 1,000,000, not 0"),
        ("worth=-2", "worth is at least 0 seconds and finite, not -2"),
        ("pool={use: constant, pods: -1}", "pods is 0 to 999,999, not -1"),
    ],
)
def test_senseless_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(TEXT).override(change))


def test_the_joint_distribution_keeps_what_was_published_by_runtime_and_by_trigger() -> None:
    for axis, of in ((1, "runtimes"), (0, "triggers")):
        for table, what in ((joint_distribution().colds, "colds"), (joint_distribution().functions, "functions")):
            assert table.sum(axis=axis) == pytest.approx(list(shares(of, what).values()), abs=0.005)
    assert (np.diff(joint_distribution().times, axis=2) >= 0).all()


@pytest.mark.parametrize("region", ["R1", "R2", "R3"])
def test_parts_are_not_negative_and_what_has_no_pool_is_built(region: str) -> None:
    chance = np.random.default_rng(1)
    runtime, trigger = chance.integers(0, 9, 5000), chance.integers(0, 7, 5000)
    parts = ColdTimes(region).draw(runtime, trigger, chance)
    assert (parts >= 0).all()
    custom = list(tables()["runtimes"]).index("Custom")
    built = parts[runtime == custom, 0]
    assert (built <= 10.5 + 1e-9).all()
    assert region != "R2" or np.median(built) == pytest.approx(10.5, rel=0.02)


def test_a_replica_starts_with_its_image_its_weights_and_its_warm_up() -> None:
    calls = Replicas(hours=1.0, bandwidth=4e9).draw(0)
    weights = model("llama-3.1-8b").weight_bytes
    assert calls.parts[0].tolist() == pytest.approx([10.5, 0.0, weights / 4e9, 5.0])
    found, pooled = (FunctionsScenario(keep=Release(), pool=pool).simulate(calls) for pool in (None, Constant(200)))
    assert (found.calls["start"] - found.calls["arrival"]).max() == pytest.approx(15.5 + weights / 4e9)
    late = calls.arrival > 60.0
    assert (pooled.calls["start"] - pooled.calls["arrival"])[late].max() == pytest.approx(5.0 + weights / 4e9)
    busiest = np.bincount(calls.function, minlength=40)
    assert busiest[0] > busiest[20]
