"""Power tables of LLMServingSim become servers, or one clear error."""

import json
from pathlib import Path
from typing import Any

import pytest

from evenly.hardware.power_table import server_of


def table() -> dict[str, Any]:
    """Return a cluster of one node with two A100, in the format of the public examples."""
    power = {
        "base_node_power": 60,
        "npu": {"A100-80GB": {"idle_power": 70, "standby_power": 115, "active_power": 390, "standby_duration": 18}},
        "cpu": {"idle_power": 10, "active_power": 200, "util": 0.15},
        "dram": {"dimm_size": 32, "idle_power": 2.0, "energy_per_bit": 6.0},
        "link": {"num_links": 1, "idle_power": 5, "energy_per_bit": 4.0},
        "nic": {"num_nics": 1, "idle_power": 20},
        "storage": {"num_devices": 2, "idle_power": 5},
    }
    node = {"cpu_mem": {"mem_size": 120}, "instances": [{"hardware": "A100-80GB", "npu_num": 2}], "power": power}
    return {"num_nodes": 1, "nodes": [node]}


def write(folder: Path, content: Any) -> Path:
    path = folder / "cluster.json"
    path.write_text(json.dumps(content))
    return path


def test_a_server_draws_what_the_table_says(tmp_path: Path) -> None:
    server = server_of(write(tmp_path, table()))
    rest = 60 + 10 + 190 * 0.15 + 4 * 2 + 5 + 20 + 10
    assert server.device == "a100-80gb"
    assert (server.devices, server.idle, server.limit) == (2, 140.0, 780.0)
    assert server.rest_busy == server.rest_idle == pytest.approx(rest)
    assert server.provisioned == pytest.approx(rest + 780)
    assert float(server.watts(1.0, server.top)) == pytest.approx(server.provisioned)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("power", "base_node_power"), None, r"'nodes.0.power.base_node_power' is a number of at least 0, not None"),
        (("power", "npu"), {}, r"no 'nodes.0.power.npu.A100-80GB'"),
        (("power", "cpu", "util"), -1, r"'nodes.0.power.cpu.util' is a number of at least 0, not -1"),
        (("power", "dram", "dimm_size"), 0, r"'nodes.0.power.dram.dimm_size' is above 0"),
        (("instances",), [], r"'nodes.0.instances' is no list of instances"),
        (("instances",), [{"hardware": "A100-80GB", "npu_num": 0}], r"npu_num' is a whole number of at least 1, not 0"),
        (("instances",), [{"hardware": 7, "npu_num": 1}], r"hardware' is a text, not 7"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, keys: tuple[str, ...], value: Any, message: str) -> None:
    content = table()
    place: Any = content["nodes"][0]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(ValueError, match=message):
        server_of(write(tmp_path, content))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(ValueError, match=r"none.json: cannot be read"):
        server_of(path)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"none.json: no JSON"):
        server_of(path)
    with pytest.raises(ValueError, match=r"no 'nodes.3'; a power table of LLMServingSim has it"):
        server_of(write(tmp_path, table()), node=3)
