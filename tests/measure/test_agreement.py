"""How far simulated requests are from measured ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.core import Array
from evenly.measure.agreement import agreements


def requests(seed: int, count: int = 40) -> dict[str, Array]:
    chance = np.random.default_rng(seed)
    arrival = np.sort(chance.uniform(0, 10, count))
    first = arrival + chance.uniform(0.1, 1.0, count)
    output = chance.integers(1, 50, count)
    return {"arrival": arrival, "first_token": first, "finish": first + 0.02 * (output - 1), "output": output}


@given(seed=st.integers(0, 1000))
def test_a_run_agrees_with_itself_exactly(seed: int) -> None:
    run = requests(seed)
    found = agreements(run, [run, run])
    assert all(one.error == 0 and one.spread == 0 and one.inside for one in found)
    assert len({one.name for one in found}) == 11


@given(seed=st.integers(0, 1000), factor=st.floats(0.5, 2.0))
def test_a_run_whose_times_are_all_k_times_as_long_is_off_by_k(seed: int, factor: float) -> None:
    run = requests(seed)
    slow = {name: column * (1 if name == "output" else factor) for name, column in run.items()}
    for one in agreements(slow, [run]):
        wanted = 1 / factor if one.share is None else factor
        assert one.error == pytest.approx(wanted - 1, abs=1e-9)
        assert one.inside == (abs(one.error) <= one.band)


def test_what_a_run_failed_to_answer_counts_in_no_latency() -> None:
    run, other = requests(1), requests(1)
    other["finish"] = np.where(np.arange(40) < 5, np.nan, other["finish"])
    other["first_token"] = np.where(np.arange(40) < 5, 99.0, other["first_token"])
    assert all(one.error == 0 for one in agreements(run, [other]))


def test_nothing_answered_is_no_agreement() -> None:
    run = requests(1)
    found = agreements(run, [{**run, "finish": np.full(40, np.nan)}])
    assert not any(one.inside for one in found)


def test_medians_are_held_to_ten_percent_and_tails_to_twenty() -> None:
    bands = {one.name: one.band for one in agreements(requests(1), [requests(2)])}
    assert bands["ttft p50"] == bands["throughput"] == 0.1
    assert bands["e2e p90"] == bands["tpot p99"] == 0.2


def test_runs_of_unequal_numbers_of_requests_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[30, 40\] requests"):
        agreements(requests(1), [requests(1, 30)])
