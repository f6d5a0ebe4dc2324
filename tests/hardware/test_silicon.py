"""Kernels from the package aiconfigurator-core."""

from importlib.util import find_spec

import pytest

from evenly.hardware.costs.silicon import Silicon
from evenly.hardware.device import device
from evenly.hardware.model import model
from tests.hardware.samples import call

installed = find_spec("aiconfigurator_core") is not None


@pytest.mark.skipif(installed, reason="the package is installed")
def test_without_the_package_the_error_names_the_extra() -> None:
    with pytest.raises(ValueError, match=r"pip install 'evenly\[silicon\]'"):
        Silicon().tables(model("llama-3-8b"), device("h100"), 1)


@pytest.mark.skipif(not installed, reason="needs the extra silicon")
def test_a_newer_card_is_faster() -> None:
    cost = Silicon()
    found = [
        call(cost, cost.tables(model("llama-3.1-8b"), device(name), 1), [], [], [800] * 64)[0]
        for name in ("a100-80gb", "h100", "h200", "b200")
    ]
    assert found == sorted(found, reverse=True)


@pytest.mark.skipif(not installed, reason="needs the extra silicon")
def test_a_device_without_tables_is_named() -> None:
    with pytest.raises(ValueError, match="no tables of a10; known: a100-80gb"):
        Silicon().tables(model("llama-3-8b"), device("a10"), 1)


@pytest.mark.skipif(not installed, reason="needs the extra silicon")
def test_heads_that_were_not_measured_stand_in_as_a_larger_batch_of_fewer() -> None:
    cost = Silicon()
    seconds = call(cost, cost.tables(model("llama-2-7b"), device("a100-80gb"), 1), [], [], [2048] * 32)[0]
    read = 32 * 2048 * model("llama-2-7b").kv_bytes / device("a100-80gb").bandwidth
    assert seconds > read


@pytest.mark.parametrize("wrong", [{"host": -1.0}, {"ranks": 0}, {"graph": -1}])
def test_senseless_fields_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Silicon(**wrong)  # type: ignore[arg-type]
