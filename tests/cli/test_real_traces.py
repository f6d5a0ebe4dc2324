"""Public request traces are compared as they are, without a word about their format."""

import json
from pathlib import Path

import pytest

from tests.cli.user import evenly

TRACES = (
    *("azure_llm_2023/*.csv.gz", "apex_traces/*.gz", "mooncake_fast25/*.gz", "vidur_traces/*.gz"),
    "vllm_measured_llmservingsim/*/requests.csv",
)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", TRACES)
def test_every_public_request_trace_is_compared(pattern: str, tmp_path: Path, data: Path) -> None:
    found = sorted(data.glob(pattern))
    assert found, f"no trace matches {pattern}"
    for path in found:
        said = evenly("compare", str(path), "--json", "--out", path.parent.name + path.name, cwd=tmp_path)
        assert said.code == 0, said.err
        runs = json.loads(said.out)
        assert len(runs) == 6, "one for each engine of the embedded scenario"
        for run in runs:
            assert run["metrics"]["throughput"] > 0, run["label"]
