"""What all tests share: the folder of real traces, and a fixed hypothesis profile."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("evenly", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evenly")


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of public traces and profiles; skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EVENLY_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set EVENLY_DATA to the folder of public traces")
    return folder
