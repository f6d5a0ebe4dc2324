"""The tables of a trace say what a person would count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.report import measured
from evenly.traces.describe import UNITS, describe, tokens_by_holder


def made(count: int = 4000, seed: int = 1) -> Trace:
    """Return a trace with every column."""
    chance = np.random.default_rng(seed)
    session = chance.integers(-1, 300, count)
    return Trace(
        arrival=np.cumsum(chance.exponential(1.0, count)),
        prompt=chance.integers(1, 1000, count),
        output=chance.integers(1, 500, count),
        user=chance.zipf(1.5, count) % 50,
        session=session,
        failed=chance.random(count) < 0.1,
        extra={"Model": np.where(chance.random(count) < 0.8, "big", "small"), "id": np.arange(count).astype(str)},
        origin="made up",
    )


def test_a_trace_with_every_column_has_every_table() -> None:
    found = describe(made())
    tables = {"trace", "arrivals", "bursts", "balance", "lengths", "concentration", "sessions", "failures"}
    assert set(found) == tables
    assert [row["holders"] for row in found["concentration"]] == ["requests", "users", "sessions", "Model"]


def test_every_figure_with_a_unit_is_in_some_table() -> None:
    names: set[str] = set()
    for rows in measured.tables(describe(made()) | {"prefix_sharing": {}}).values():
        names |= {str(row.get("figure")) for row in rows} | {name for row in rows for name in row}
    chains = {"waiting", "median_pause"}
    sharing = {"known_blocks", "known_tokens", "requests_that_share"}
    assert set(UNITS) <= names | chains | sharing


def test_failed_requests_arrive_but_hold_no_tokens() -> None:
    trace = made()
    assert trace.failed is not None
    found = describe(trace)
    served = ~trace.failed
    assert found["trace"]["requests"] == len(trace)
    assert found["trace"]["prompt_tokens"] == trace.prompt[served].sum()
    assert found["concentration"][0]["count"] == served.sum()
    assert found["failures"]["share"] == trace.failed.mean()
    assert sum(row["windows"] * row["mean"] for row in found["bursts"][:1]) <= len(trace)


def test_holders_share_out_all_tokens() -> None:
    trace = made()
    held = tokens_by_holder(trace)
    total = held["requests"].sum()
    assert held["users"].sum() == held["Model"].sum() == total
    assert trace.session is not None
    assert held["sessions"].sum() < total  # some requests belong to none


def test_sessions_count_turns() -> None:
    one = np.ones(6, np.int64)
    trace = Trace(np.arange(6.0), one, one, session=np.array([0, 0, 0, 7, -1, -1]))
    found = describe(trace)["sessions"]
    assert (found["sessions"], found["single_turn"], found["turns_max"], found["turns_mean"]) == (2, 0.5, 3, 2.0)
    assert found["requests_in_sessions"] == pytest.approx(4 / 6)


def test_a_constant_rate_leaves_nothing_to_save_and_one_burst_nearly_all() -> None:
    count = 6001
    even = Trace(0.1 * np.arange(count, dtype=np.float64), np.full(count, 9), np.full(count, 1))
    assert all(row["idle_requests"] == pytest.approx(0, abs=1e-9) for row in describe(even)["balance"])
    arrival = np.concatenate([np.linspace(0, 0.9, count - 1), [600.0]])
    burst = Trace(arrival, even.prompt, even.output)
    rows = {row["window"]: row for row in describe(burst)["balance"]}
    assert rows[1.0]["idle_requests"] == pytest.approx(1 - 1 / 600)
    assert rows[60.0]["idle_tokens"] == pytest.approx(1 - 1 / 10)


@given(seed=st.integers(0, 50), width=st.sampled_from([1.0, 10.0, 60.0]))
def test_longer_windows_never_need_more_head_room(seed: int, width: float) -> None:
    """A window that is made of whole shorter ones has at most their peak rate."""
    trace = made(400, seed)
    rows = {row["window"]: row for row in describe(trace)["bursts"]}
    longer = {1.0: 10.0, 10.0: 60.0}.get(width)
    if longer in rows and width in rows:
        assert rows[longer]["peak"] / longer <= rows[width]["peak"] / width + 1e-9


@pytest.mark.parametrize("count", [0, 1, 2])
def test_tiny_traces_have_a_description(count: int) -> None:
    trace = made(10).take(np.arange(count))
    found = describe(trace)
    assert found["trace"]["requests"] == count
    assert measured.render(found) is not None


def test_all_at_one_moment_and_all_failed_have_a_description() -> None:
    one = np.ones(5, np.int64)
    found = describe(Trace(np.zeros(5), one, 0 * one, failed=np.ones(5, bool)))
    assert set(found) == {"trace", "failures"}
    assert found["failures"]["share"] == 1.0


def test_names_that_do_not_repeat_are_no_holders() -> None:
    assert "id" not in tokens_by_holder(made())


@given(names=st.lists(st.sampled_from(["", "a", "ab", "b", "ba", "aa", "é"]), min_size=20, max_size=60))
def test_texts_are_grouped_as_a_dictionary_would_group_them(names: list[str]) -> None:
    trace = made(len(names))
    labelled = Trace(trace.arrival, trace.prompt, trace.output, extra={"kind": np.array(names)})
    sums: dict[str, float] = {}
    for name, tokens in zip(names, labelled.tokens.tolist(), strict=True):
        if name:
            sums[name] = sums.get(name, 0) + tokens
    held = tokens_by_holder(labelled)
    if 1 < len(sums) <= len(names) // 10:
        assert sorted(held["kind"].tolist()) == sorted(sums.values())
    else:
        assert "kind" not in held


@pytest.mark.parametrize("far", [9, 10**12])
def test_codes_may_lie_far_apart(far: int) -> None:
    trace = Trace(np.zeros(3), np.array([1, 2, 4]), np.zeros(3, np.int64), user=np.array([3, 3, far]))
    assert tokens_by_holder(trace)["users"].tolist() == [3.0, 4.0]
