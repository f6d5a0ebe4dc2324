"""A measured profile inside the serving loop."""

from pathlib import Path

import numpy as np
import pytest

from evenly.core import Document
from evenly.serve.scenario import ServeScenario
from tests.hardware.test_profile import LLAMA, QWEN


@pytest.mark.parametrize(
    ("path", "of", "ranks"), [(LLAMA, "llama-3.1-8b", 1), (QWEN, "qwen3-30b-a3b", 1), (QWEN, "qwen3-30b-a3b", 2)]
)
def test_skipping_ahead_over_measured_kernels_equals_every_pass(path: str, of: str, ranks: int, data: Path) -> None:
    text = f"""
trace: {{use: poisson, rate: 6, requests: 120}}
model: {of}
device: rtx-pro-6000
kv_tokens: 400_000
cost: {{use: profile, path: "{data / path}", ranks: {ranks}}}
"""
    scenario = Document.parse(text).structure(ServeScenario)
    ahead, every = scenario.simulate().requests, scenario.simulate(step=True).requests
    for column in ("start", "first_token", "finish"):
        assert np.allclose(ahead[column], every[column], rtol=1e-9, atol=0)
