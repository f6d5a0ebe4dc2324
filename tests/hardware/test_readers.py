"""Damaged profiles give one clear error."""

import gzip
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenly.hardware.costs.profile import Profile
from evenly.hardware.device import device
from evenly.hardware.model import model
from tests.hardware.toy_profile import HEAD, build


def seconds(folder: Path) -> float:
    """Return the length of a pass of two decodes under a profile."""
    import numpy as np

    cost = Profile(path=str(folder))
    tables = cost.tables(model("llama-3-8b"), device("h100"), 1)
    empty = np.empty(0, np.int64)
    return float(cost.seconds(empty, empty, 2, 64.0, 32, tables)[0])


def test_a_profile_of_three_tables_is_enough(tmp_path: Path) -> None:
    by_hand = 32 * (10 + 10 / 63 + 1 + 2 * 32e-3) + 2 + 100
    assert seconds(build(tmp_path / "p")) == pytest.approx(by_hand * 1e-6)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"dense": ""}, r"dense.csv' has no column tokens, time_us, layer; it has: nothing"),
        ({"dense": "layer,tokens\na,1\n"}, r"dense.csv' has no column time_us; it has: layer, tokens"),
        ({"dense": "layer,tokens,time_us\na,1,fast\n"}, r"dense.csv', line 2: time_us is a number of at least 0, not"),
        ({"dense": "layer,tokens,time_us\na,1,-3\n"}, r"not '-3'"),
        ({"dense": "layer,tokens,time_us\na,1,nan\n"}, r"not 'nan'"),
        ({"attention": HEAD}, "the attention table needs prefill_chunk 0 and one more power of two"),
        (
            {"attention": HEAD + "0,0,1,16,5\n0,0,2,16,6\n16,0,0,0,4\n16,16,1,16,7\n"},
            r"lacks \d+ points of its regular grid",
        ),
        ({"meta": "- just\n- a list\n"}, r"meta.yaml' holds no settings"),
        ({"meta": "{"}, r"cannot read '.*meta.yaml'"),
    ],
)
def test_a_damaged_table_is_named(tables: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        seconds(build(tmp_path / "p", **tables))


def test_a_cut_gzip_file_is_named(tmp_path: Path) -> None:
    folder = build(tmp_path / "p")
    whole = gzip.compress((folder / "tp1" / "dense.csv").read_bytes())
    (folder / "tp1" / "dense.csv").unlink()
    (folder / "tp1" / "dense.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cannot read '.*dense.csv.gz'"):
        seconds(folder)


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    for name in ("gemm", "generation_attention"):
        (tmp_path / f"{name}_perf.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(ValueError, match=r"cannot read '.*gemm_perf.parquet'"):
        Profile(path=str(tmp_path)).tables(model("llama-3-8b"), device("h100"), 1)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=6))
def test_any_bytes_in_a_table_give_an_answer_or_one_clear_error(at: int, junk: bytes, tmp_path: Path) -> None:
    folder = build(tmp_path / "p")
    path = folder / "tp1" / "attention.csv"
    text = path.read_bytes()
    path.write_bytes(text[:at] + junk + text[at:])
    try:
        answer: float | str = seconds(folder)
    except ValueError as error:
        answer = str(error)
    shutil.rmtree(folder)
    if isinstance(answer, str):
        assert str(path) in answer or "attention table" in answer
    else:
        assert answer >= 0
