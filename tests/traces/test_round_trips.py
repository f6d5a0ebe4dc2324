"""What is written is read again, and what a format cannot hold is said."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Prefixes, Trace
from evenly.traces.read import detect, read
from evenly.traces.write import write
from evenly.traces.writers.azure_2023 import Azure2023
from evenly.traces.writers.azure_2024 import Azure2024


@st.composite
def traces(draw: st.DrawFn, whole: bool = False) -> Trace:
    """Return a trace with any columns; `whole`: only those that Mooncake holds, at whole milliseconds."""
    count = draw(st.integers(1, 12))
    unit = 1e-3 if whole else 1e-6
    steps = draw(st.lists(st.integers(0, 5000), min_size=count, max_size=count))
    arrival = np.cumsum(np.array([0, *steps[1:]])) * unit
    prompt = np.array(draw(st.lists(st.integers(1, 900), min_size=count, max_size=count)))
    output = np.array(draw(st.lists(st.integers(1, 900), min_size=count, max_size=count)))
    failed = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    output[failed] = 0
    session = np.array(draw(st.lists(st.integers(-1, 3), min_size=count, max_size=count)))
    lengths = -(-prompt // 16)
    ids = np.array(draw(st.lists(st.integers(0, 9), min_size=int(lengths.sum()), max_size=int(lengths.sum()))))
    return Trace(
        arrival=arrival,
        prompt=prompt,
        output=output,
        failed=failed if failed.any() else None,
        session=session if draw(st.booleans()) else None,
        user=None if whole else session,
        prefixes=Prefixes(np.concatenate(([0], np.cumsum(lengths))), ids, 16) if draw(st.booleans()) else None,
    )


def same(one: Trace, other: Trace, atol: float) -> None:
    """Hold two traces against each other in the columns that all formats share."""
    np.testing.assert_allclose(one.arrival - one.arrival[0], other.arrival - other.arrival[0], atol=atol)
    np.testing.assert_array_equal(one.prompt, other.prompt)
    np.testing.assert_array_equal(one.output, other.output)
    for mine, theirs in ((one, other), (other, one)):
        if mine.failed is not None:
            np.testing.assert_array_equal(mine.failed, theirs.failed if theirs.failed is not None else False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where each example writes its file."""
    return tmp_path_factory.mktemp("round") / "trace"


@settings(max_examples=12)
@given(trace=traces(whole=True))
def test_mooncake_gives_back_arrivals_lengths_failures_sessions_and_prefixes(place: Path, trace: Trace) -> None:
    write(trace, place, "mooncake")
    again = read(place)
    assert detect(place) == "mooncake"
    same(trace, again, 1e-9)
    if trace.session is not None and (trace.session >= 0).any():
        assert again.session is not None
        np.testing.assert_array_equal(trace.session >= 0, again.session >= 0)
        pairs = {(int(one), int(other)) for one, other in zip(trace.session, again.session, strict=True)}
        assert len(pairs) == len(set(trace.session.tolist())) == len(set(again.session.tolist()))
    if trace.prefixes is not None:
        assert again.prefixes is not None
        np.testing.assert_array_equal(trace.prefixes.ids, again.prefixes.ids)
        np.testing.assert_array_equal(trace.prefixes.offsets, again.prefixes.offsets)


@settings(max_examples=12)
@given(trace=traces(), form=st.sampled_from(["azure-2023", "azure-2024"]))
def test_azure_gives_back_arrivals_lengths_and_failures_and_names_what_it_lost(
    place: Path, trace: Trace, form: str
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write(trace, place, form)
    told = " ".join(str(warning.message) for warning in caught)
    for name in ("user", "session", "prefixes"):
        assert (getattr(trace, name) is not None) == (name in told)
    again = read(place)
    assert detect(place) == form
    same(trace, again, 1e-9)


@settings(max_examples=6)
@given(trace=traces(whole=True))
def test_azure_and_mooncake_agree_on_the_columns_they_share(place: Path, trace: Trace) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(trace, place, "mooncake")
        first = read(place)
        write(first, place, "azure-2024")
        second = read(place)
        write(second, place, "mooncake")
    same(trace, read(place), 1e-9)


def test_waiting_turns_come_back_from_mooncake_and_are_refused_by_azure(tmp_path: Path) -> None:
    chain = Trace(
        arrival=np.array([0.0, 0.0, 1.0]),
        prompt=np.array([10, 20, 5]),
        output=np.array([1, 2, 3]),
        session=np.array([0, 0, -1]),
        after=np.array([-1, 0, -1]),
        pause=np.array([0.0, 2.5, 0.0]),
    )
    write(chain, tmp_path / "file")
    again = read(tmp_path / "file")
    assert again.after is not None
    assert again.pause is not None
    assert again.after.tolist() == [-1, 0, -1]
    assert again.pause.tolist() == [0.0, 2.5, 0.0]
    with pytest.raises(ValueError, match="write Mooncake instead"):
        write(chain, tmp_path / "other", "azure-2023")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # nothing half-written stays


def test_a_turn_that_waits_for_another_session_is_refused_by_mooncake(tmp_path: Path) -> None:
    three = np.array([1, 1, 1])
    chain = Trace(np.zeros(3), three, three, session=np.array([0, 1, 0]), after=np.array([-1, 0, 1]), pause=np.zeros(3))
    with pytest.raises(ValueError, match="request 1 waits for request 0"):
        write(chain, tmp_path / "file")


def test_losses_are_warned_of_by_name(tmp_path: Path) -> None:
    one = np.array([1])
    trace = Trace(np.zeros(1), one, one, user=one, priority=one, extra={"Model": np.array(["x"])})
    with pytest.warns(UserWarning, match="mooncake cannot hold user, priority, Model; left out"):
        write(trace, tmp_path / "file")


def test_rounding_to_milliseconds_is_warned_of(tmp_path: Path) -> None:
    two = np.array([1, 1])
    with pytest.warns(UserWarning, match="mooncake cannot hold fractions of a millisecond"):
        write(Trace(np.array([0.0, 1.0005]), two, two), tmp_path / "file")
    write(Trace(np.array([0.123, 1e6 + 0.123]), two, two), tmp_path / "file")


def test_places_and_traces_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    one = np.array([1])
    trace = Trace(np.zeros(1), one, one)
    with pytest.raises(ValueError, match="the trace holds no request"):
        write(trace.take(np.zeros(0, np.int64)), tmp_path / "file")
    with pytest.raises(ValueError, match="make it first"):
        write(trace, tmp_path / "absent" / "file")
    with pytest.raises(ValueError, match="did you mean 'mooncake'"):
        write(trace, tmp_path / "file", "moncake")
    with pytest.raises(ValueError, match="is a folder"):
        write(trace, tmp_path)


@pytest.mark.parametrize("kind", [Azure2023, Azure2024])
def test_azure_times_begin_where_they_are_told_to(kind: type[Azure2023 | Azure2024], tmp_path: Path) -> None:
    one = np.array([1])
    write(Trace(np.array([1.5]), one, one), tmp_path / "file", kind(start="2025-01-01T12:00:00"))
    assert "2025-01-01 12:00:01.5" in (tmp_path / "file").read_text()
    with pytest.raises(ValueError, match="not 'noon'"):
        kind(start="noon")
