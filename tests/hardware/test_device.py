"""Devices and links."""

import pytest

from evenly.hardware.device import device, devices, link


@pytest.mark.parametrize("name", devices())
def test_a_device_is_plausible_and_says_where_its_figures_come_from(name: str) -> None:
    found = device(name)
    assert 1e9 < found.memory < 1e12
    assert 1e9 < found.bandwidth < 1e14
    assert found.flops <= found.flops8 <= 4 * found.flops
    assert 0 < found.idle < found.peak < 2000
    assert len(found.source) > 10
    assert link(found.link).bandwidth < found.bandwidth or name == "cpu"


def test_the_devices_that_the_literature_uses_are_there() -> None:
    wanted = {"a100-80gb", "h100", "h200", "b200", "a10", "l40s", "rtx-pro-6000", "v100", "cpu"}
    assert wanted <= set(devices())


def test_a_wrong_name_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"no device .h1000.; did you mean .h100."):
        device("h1000")
    with pytest.raises(ValueError, match="known: a100-80gb"):
        device("quantum")
    with pytest.raises(ValueError, match="did you mean 'nvlink4'"):
        link("nvlink-4")


def test_letters_of_any_case_name_a_device() -> None:
    assert device("H100") is device("h100")


def test_wider_operands_are_slower() -> None:
    rates = [device("h100").rate(width) for width in (1, 2, 4)]
    assert rates == [1979e12, 989.5e12, 989.5e12 / 2]
