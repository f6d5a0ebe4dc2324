"""What all tests share: the folder of real traces, a fixed hypothesis profile, and how workers share the tests."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("evenly", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evenly")
APART = "tests/papers/test_claims.py"  # the papers of this file have nothing in common


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold slow tests, so that no worker is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each file to one worker, whose fixtures then serve all of it; the papers one by one."""
    from xdist.scheduler import LoadFileScheduling

    def scope(test: str) -> str:
        file, _, name = test.partition("::")
        return file + name.partition("[")[2] if file == APART else file

    config.option.loadscopereorder = False  # which would put files of few tests last: the long ones
    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = scope
    return scheduler


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of public traces and profiles; skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EVENLY_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set EVENLY_DATA to the folder of public traces")
    return folder
