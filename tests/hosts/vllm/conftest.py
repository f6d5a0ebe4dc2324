"""One vLLM for all tests of a session that need no flags of their own."""

from collections.abc import Iterator

import pytest

from tests.hosts.vllm.server import Server, model_folder, serving


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a running vLLM with the tiny model."""
    with serving(model_folder(tmp_path_factory.mktemp("model")), ("--disable-uvicorn-access-log",)) as server:
        yield server
