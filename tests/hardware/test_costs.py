"""Every cost model of the room keeps the laws of a cost."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from evenly.hardware.costs import costs
from evenly.kernel.bridge import compiled
from evenly.kernel.serving.records import SECONDS
from tests.hardware.contract import check_compiled, check_growth, check_rises
from tests.hardware.samples import SETTINGS, tables

NEEDS_DATA = {"profile", "silicon", "calibrated"}  # examined in their own files


@cache
def loops(name: str) -> Any:
    """Return the compiled `seconds` of a cost."""
    return compiled(SETTINGS[name][0], "seconds", SECONDS)


def test_every_cost_model_is_examined() -> None:
    examined = {costs.name_of(cost) for cost, *_ in SETTINGS.values()}
    assert examined | NEEDS_DATA == set(costs.names())


@pytest.mark.parametrize("name", SETTINGS)
def test_more_work_never_takes_less_time(name: str) -> None:
    chance = np.random.default_rng(1)
    numbers = tables(name)
    for _ in range(200):
        check_rises(SETTINGS[name][0], numbers, chance)


@pytest.mark.parametrize("name", SETTINGS)
def test_skipping_ahead_equals_asking_pass_by_pass(name: str) -> None:
    chance = np.random.default_rng(2)
    numbers = tables(name)
    for _ in range(200):
        check_growth(SETTINGS[name][0], numbers, chance)


@pytest.mark.parametrize("name", SETTINGS)
def test_compiled_code_agrees_with_plain_python(name: str) -> None:
    chance = np.random.default_rng(3)
    numbers = tables(name)
    for _ in range(50):
        check_compiled(SETTINGS[name][0], loops(name), numbers, chance)


@pytest.mark.parametrize("name", SETTINGS)
def test_facts_name_what_was_assumed(name: str) -> None:
    facts = SETTINGS[name][0].facts()
    assert facts
    assert all(isinstance(value, str | int | float) for value in facts.values())
