"""The cost model that a calibration of a real engine gives."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.core import Document, Floats
from evenly.hardware.costs.calibrated import Calibrated
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.kernel.bridge import compiled
from evenly.kernel.serving.records import SECONDS
from evenly.serve.calibrated import settings
from evenly.sweep.inputs import inputs
from evenly.sweep.scenarios import scenario_of
from tests.hardware.contract import check_compiled, check_growth, check_rises
from tests.hardware.measured_passes import TRUTH, engine_file
from tests.hardware.samples import call


@cache
def loop() -> Any:
    return compiled(Calibrated("any"), "seconds", SECONDS)


@pytest.fixture
def numbers(tmp_path: Path) -> Floats:
    """Return the tables of an engine whose cost is known."""
    cost = Calibrated(str(engine_file(tmp_path)))
    return cost.tables(model("llama-3-8b"), device("cpu"), 1)


def test_more_work_never_takes_less_time(numbers: Floats) -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        check_rises(Calibrated, numbers, chance)


def test_skipping_ahead_equals_asking_pass_by_pass(numbers: Floats) -> None:
    chance = np.random.default_rng(2)
    for _ in range(200):
        check_growth(Calibrated, numbers, chance)


def test_compiled_code_agrees_with_plain_python(numbers: Floats) -> None:
    chance = np.random.default_rng(3)
    for _ in range(50):
        check_compiled(Calibrated, loop(), numbers, chance)


def test_a_mixed_pass_is_the_sum_that_stands_in_the_file(numbers: Floats) -> None:
    tokens = 40 + 3
    curve = 0.02 + (tokens - 16) / (64 - 16) * (0.035 - 0.02)
    fixed = TRUTH.host + 3 * (TRUTH.decode + TRUTH.request) + TRUTH.prompt + TRUTH.request
    wanted = curve + fixed + TRUTH.pair * 40 * (100 + 20) + TRUTH.context * 600
    assert call(Calibrated, numbers, [40], [100], [200, 200, 200])[0] == pytest.approx(wanted, rel=1e-12)


def test_a_pass_without_decodes_takes_its_own_seconds_more(numbers: Floats) -> None:
    plain = numbers.copy()
    plain[5] = 0.0
    assert call(Calibrated, numbers, [40], [0], [])[0] - call(Calibrated, plain, [40], [0], [])[0] == pytest.approx(
        TRUTH.alone
    )
    assert call(Calibrated, numbers, [40], [0], [9])[0] == call(Calibrated, plain, [40], [0], [9])[0]


def test_beyond_the_largest_measured_pass_time_is_in_proportion_to_tokens(numbers: Floats) -> None:
    plain = numbers.copy()
    plain[:6] = 0.0
    one, four = (call(Calibrated, plain, [size], [0], [])[0] for size in (512, 2048))
    assert four == pytest.approx(4 * one)


def test_the_level_is_a_factor_on_every_pass(tmp_path: Path) -> None:
    from dataclasses import replace

    tables = []
    for level in (1.0, 1.5):
        folder = tmp_path / str(level)
        folder.mkdir()
        path = engine_file(folder, replace(TRUTH, level=level))
        tables.append(Calibrated(str(path)).tables(model("llama-3-8b"), device("cpu"), 1))
    one, other = (call(Calibrated, table, [40], [100], [200] * 3)[0] for table in tables)
    assert other == pytest.approx(1.5 * one)


def test_a_scenario_names_the_file_and_a_changed_file_is_another_run(tmp_path: Path) -> None:
    path = engine_file(tmp_path)
    raw = {"kind": "serve", "trace": {"use": "poisson"}, **settings(path)}
    scenario: Any = scenario_of(Document(raw))
    before = inputs(scenario)
    assert str(path.resolve()) in before
    assert scenario.fleet().blocks == 2048
    assert scenario.engine.max_num_seqs == 32
    assert scenario.max_model_len == 2048
    path.write_text(path.read_text().replace("host: 0.0006", "host: 0.0007"))
    assert inputs(scenario) != before


def test_facts_name_the_engine_and_its_logs(tmp_path: Path) -> None:
    facts = Calibrated(str(engine_file(tmp_path))).facts()
    assert "vllm 0.32.0" in str(facts["measured"])
    assert facts["untold"] == "nothing"


def test_a_file_that_is_not_there_says_how_to_write_it() -> None:
    with pytest.raises(ValueError, match=r"nowhere.yaml: cannot be read.*evenly calibrate"):
        Calibrated("nowhere.yaml").tables(model("llama-3-8b"), device("cpu"), 1)
