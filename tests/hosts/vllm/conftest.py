"""One vLLM for all tests of a session that need no flags of their own."""

from collections.abc import Iterator

import pytest

from tests.hosts.vllm.server import Server, model_folder, serving

FLAGS = ("--disable-uvicorn-access-log", "--enable-prompt-tokens-details", "--block-size", "32")


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a running vLLM with the tiny model."""
    with serving(model_folder(tmp_path_factory.mktemp("model")), FLAGS) as server:
        yield server
