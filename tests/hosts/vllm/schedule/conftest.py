"""vLLM's scheduler for the tests that drive it; they skip where vLLM is absent."""

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

collect_ignore = ["adapter.py", "ahead.py", "scheduler.py"]  # they import vLLM and hold no tests
ENVIRONMENT = {"VLLM_TARGET_DEVICE": "cpu", "HF_HUB_OFFLINE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}


@pytest.fixture(scope="session")
def real() -> Iterator[Any]:
    """Yield the module that drives vLLM's scheduler; no model and no device takes part."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of other packages as they are imported
            pytest.importorskip("vllm", reason="vLLM is absent: python -m tools.vllm_env .venv-vllm installs it")
            module = importlib.import_module("tests.hosts.vllm.schedule.scheduler")
        yield module


@pytest.fixture(scope="session")
def adapter(real: Any) -> Any:
    """Return the module that drives the adapter's scheduler and the simulator under one policy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("tests.hosts.vllm.schedule.adapter")
