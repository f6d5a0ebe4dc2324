"""Public traces have the statistics that were computed of them elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from evenly.core import Trace
from evenly.measure.burstiness import window_sums
from evenly.report import measured
from evenly.traces.describe import describe
from evenly.traces.read import read

REQUEST_TRACES = (
    *("azure_llm_2023/*.csv.gz", "apex_traces/*.gz", "mooncake_fast25/*.gz", "vidur_traces/*.gz"),
    "vllm_measured_llmservingsim/*/requests.csv",
)


@pytest.fixture(scope="module")
def conversation(data: Path) -> Trace:
    """Return Azure's conversation trace of 2023."""
    return read(data / "azure_llm_2023" / "AzureLLMInferenceTrace_conv.csv.gz")


@pytest.fixture(scope="module")
def mooncake(data: Path) -> Trace:
    """Return Mooncake's conversation trace."""
    return read(data / "mooncake_fast25" / "conversation_trace.jsonl.gz")


def quantiles(description: dict[str, object], tokens: str, names: str) -> list[int]:
    """Return some quantiles of the table of lengths, rounded."""
    rows = description["lengths"]
    assert isinstance(rows, list)
    row = next(row for row in rows if row["tokens"] == tokens)
    return [round(row[name]) for name in names.split()]


def test_azure_conversation_has_its_known_gaps_and_gamma_law(conversation: Trace) -> None:
    found = describe(conversation)
    assert (found["trace"]["requests"], round(found["trace"]["span"])) == (19366, 3502)
    assert found["arrivals"]["gap_variation"] == pytest.approx(1.09, abs=0.005)
    assert found["arrivals"]["gamma_shape"] == pytest.approx(0.871, abs=0.0005)
    assert found["arrivals"]["gamma_scale"] == pytest.approx(0.2076, abs=0.00005)


def test_azure_conversation_has_its_known_dispersion_by_window(conversation: Trace) -> None:
    rows = {row["window"]: row for row in describe(conversation)["bursts"]}
    assert rows[1.0]["dispersion"] == pytest.approx(1.4, abs=0.05)
    assert rows[10.0]["dispersion"] == pytest.approx(3.9, abs=0.05)
    assert rows[60.0]["dispersion"] == pytest.approx(16, abs=0.5)
    assert rows[60.0]["peak"] == 507
    begun = len(window_sums(conversation.arrival, 60.0)) + 1  # the published mean of 328 counts the last, cut minute
    assert len(conversation) / begun == pytest.approx(328, abs=0.5)


def test_azure_conversation_has_its_known_lengths(conversation: Trace) -> None:
    found = describe(conversation)
    assert quantiles(found, "prompt", "mean p25 p50 p75 p99") == [1155, 396, 1020, 1189, 4142]
    assert quantiles(found, "prompt", "p10 p90") == pytest.approx([207, 2735], abs=1)
    assert quantiles(found, "output", "mean p50 p90 p99") == [211, 129, 424, 601]
    assert found["trace"]["prompt_output_rank_correlation"] == pytest.approx(0.07, abs=0.005)


def test_mooncake_conversation_has_its_known_lengths_and_ideal_prefix_hits(mooncake: Trace) -> None:
    found = describe(mooncake)
    assert (found["trace"]["requests"], round(found["trace"]["span"])) == (12031, 3537)
    assert quantiles(found, "prompt", "mean p50 p90 p99") == [12035, 6909, 27367, 85400]
    assert quantiles(found, "output", "mean p50 p90 p99") == [343, 350, 597, 1119]
    assert found["prefix_sharing"]["known_blocks"] == pytest.approx(0.366, abs=0.0005)
    assert found["prefix_sharing"]["block_tokens"] == 512


def test_mooncake_conversation_is_poisson_behind_its_clock_of_three_seconds(mooncake: Trace) -> None:
    found = describe(mooncake)["arrivals"]
    assert found["tick"] == pytest.approx(3.0, abs=0.005)
    assert found["gap_variation"] == pytest.approx(1.0, abs=0.02)


def test_vidur_s_copy_of_the_azure_trace_has_the_same_arrivals(conversation: Trace, data: Path) -> None:
    copy = read(data / "vidur_traces" / "splitwise_conv.csv.gz")
    np.testing.assert_allclose(copy.arrival, conversation.arrival, atol=2e-6)


@pytest.mark.parametrize("pattern", REQUEST_TRACES)
def test_every_request_trace_is_read_and_described_alike(pattern: str, data: Path) -> None:
    found = sorted(data.glob(pattern))
    assert found
    for path in found:
        trace = read(path)
        described = describe(trace)
        assert described["trace"]["requests"] == len(trace) > 100
        assert measured.sentence(described)
        assert "<h1>" in measured.page(described, trace)


def test_tables_that_are_no_request_trace_are_refused(data: Path) -> None:
    for path in sorted(data.glob("*/*.csv*")):
        if path.parent.name in ("azure_llm_2023", "apex_traces", "vidur_traces"):
            continue
        with pytest.raises(ValueError, match="no request trace that evenly knows"):
            read(path)
