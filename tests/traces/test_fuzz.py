"""Whatever happens to a valid file, a reader gives a valid trace or one clear error."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.report import measured
from evenly.traces.describe import describe
from evenly.traces.formats._build import SPAN_LIMIT
from evenly.traces.formats._errors import LONGEST
from evenly.traces.read import read
from tests.traces.files import FILES

NASTY = [
    *("", "-1", "NaN", "nan", "inf", "-inf", "1e400", "1e18", "1e-320", "0", "-0", "null", "true", "[]", "{}", "[[1]]"),
    *('"x"', '""', "0x10", "1_000", " 7", "7 ", "9223372036854775808", "-9223372036854775808", "1.5", "1,5", "'", '"'),
    *("2024-13-01 00:00:00", "0000-00-00", "99999-01-01 00:00:00", "\t", "\\u0000", "\ufeff", "é", "🙂", "\x0b", "\r"),
]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def valid(trace: Trace) -> None:
    """Hold a trace against everything that its columns promise."""
    count = len(trace)
    assert count > 0
    assert np.all(np.isfinite(trace.arrival))
    assert np.all(np.diff(trace.arrival) >= 0)
    assert 0 <= trace.span <= SPAN_LIMIT * (1 + 1e-9)
    for tokens in (trace.prompt, trace.output):
        assert tokens.dtype == np.int64
        assert np.all((tokens >= 0) & (tokens <= LONGEST))
    empty = (trace.prompt == 0) | (trace.output == 0)
    assert not empty.any() or (trace.failed is not None and np.all(trace.failed[empty]))
    for codes in (trace.user, trace.session):
        assert codes is None or np.all((codes >= -1) & (codes < 10 * count + 10))
    if trace.after is not None:
        ahead = trace.after
        assert np.all((ahead >= -1) & (ahead < count))
        for _ in range(count):
            ahead = np.where(ahead >= 0, trace.after[ahead], -1)
        assert np.all(ahead == -1)  # nobody waits in a circle
        assert trace.pause is not None
        assert np.all(np.isfinite(trace.pause) & (trace.pause >= 0))
    if trace.prefixes is not None:
        lengths = np.diff(trace.prefixes.offsets)
        assert np.all((lengths >= 0) & (lengths <= -(-trace.prompt // trace.prefixes.block)))


def examine(path: Path, raw: bytes) -> None:
    """Read the file, and describe what was read."""
    path.write_bytes(raw)
    trace, mistake = None, None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*are read as milliseconds")
        try:
            trace = read(path)
        except ValueError as error:
            mistake = error
    if trace is not None:
        valid(trace)
        json.dumps(measured.plain(describe(trace)), allow_nan=False)
        return
    assert type(mistake) is ValueError  # no UnicodeDecodeError, no JSONDecodeError
    assert str(path) in str(mistake)
    assert len(str(mistake).splitlines()) == 1


@st.composite
def bytes_changed(draw: st.DrawFn) -> bytes:
    """Return a valid file in which some stretches of bytes are replaced."""
    raw = draw(st.sampled_from(sorted(FILES)).map(lambda name: FILES[name][1].encode()))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(raw)))
        width = draw(st.integers(0, 20))
        raw = raw[:start] + draw(st.binary(max_size=6)) + raw[start + width :]
    return raw


@st.composite
def values_changed(draw: st.DrawFn) -> bytes:
    """Return a valid file in which numbers became something else."""
    text = FILES[draw(st.sampled_from(sorted(FILES)))][1]
    for _ in range(draw(st.integers(1, 3))):
        found = draw(st.sampled_from([*NUMBER.finditer(text)]))
        text = text[: found.start()] + draw(st.sampled_from(NASTY)) + text[found.end() :]
    return text.encode()


@st.composite
def lines_changed(draw: st.DrawFn) -> bytes:
    """Return lines of one or two valid files, dropped, repeated and mixed."""
    names = draw(st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=2))
    rows = [row for name in names for row in FILES[name][1].splitlines(keepends=True)]
    picked = draw(st.lists(st.sampled_from(rows), min_size=1, max_size=8))
    return "".join(picked).encode()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where each example writes its file."""
    return tmp_path_factory.mktemp("fuzz") / "trace.dat"


@settings(max_examples=200)
@given(raw=st.one_of(bytes_changed(), values_changed(), lines_changed()))
def test_a_changed_file_is_a_valid_trace_or_one_clear_error(place: Path, raw: bytes) -> None:
    examine(place, raw)


@pytest.mark.thorough
@settings(max_examples=2000)
@given(raw=st.one_of(bytes_changed(), values_changed(), lines_changed()))
def test_two_thousand_changed_files_are_valid_traces_or_clear_errors(place: Path, raw: bytes) -> None:
    examine(place, raw)
