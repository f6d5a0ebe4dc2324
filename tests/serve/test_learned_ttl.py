"""The learned time-to-live against its definition, by brute force, and what it promises for any history."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Array, Floats
from evenly.kernel.serving.records import REQUEST
from evenly.serve.retentions.learned_ttl import HISTORY, TOOLS, LearnedTtl

SAMPLES = 3
NAN = float("nan")
some = settings(max_examples=60, deadline=None)
pauses = st.lists(st.floats(0.0, 50.0).map(lambda x: round(x, 2)), min_size=SAMPLES + 1, max_size=30)
benefits = st.floats(-2.0, 60.0)


class Bench:
    """A retention whose rebuild time is a constant, fed by hand."""

    def __init__(self, benefit: float, **fields: Any) -> None:
        given: dict[str, Any] = {"samples": SAMPLES, "rebuild": (0.0, 0.0, benefit), "kv_tokens": 1000} | fields
        self.memory = LearnedTtl(**given).memory(0, 1)

    def tell(self, earlier: dict[str, Any], own: dict[str, Any]) -> None:
        LearnedTtl.learn(0.0, 1, rows(earlier, {"parent": 0} | own), self.memory)

    def pause(self, seconds: float, tool: int = 0) -> None:
        self.tell({"tool": tool, "finish": 0.0}, {"arrival": seconds, "start": NAN, "finish": NAN})

    def wait(self, seconds: float, kept: int = 0) -> None:
        self.tell({"kept": kept, "finish": 0.0}, {"arrival": 1.0, "start": 1.0 + seconds, "finish": NAN})

    def program(self, turns: int) -> None:
        self.tell({}, {"turn": turns - 1, "last_turn": 1, "finish": 9.0, "start": 1.0})

    def ttl(self, tool: int = 0, tokens: int = 100) -> float:
        asked = rows({"prompt": tokens - 10, "output": 10, "tool": tool})
        return float(LearnedTtl.seconds(0.0, 0, asked, self.memory))


def rows(*records: dict[str, Any]) -> Array:
    """Return requests with the given fields, as records that know them."""
    made = np.zeros(len(records), REQUEST)
    made["parent"] = -1
    for row, record in zip(made, records, strict=True):
        for name, value in record.items():
            row[name] = value
    return made.view(np.recarray)


def worth(times: Floats, seen: list[float], benefit: float, price: float) -> Floats:
    """Return what keeping for each of `times` is worth."""
    share = (np.array(seen)[None, :] <= times[:, None]).mean(axis=1)
    return np.asarray(share * benefit - price * times)


@some
@given(seen=pauses, benefit=benefits, share=st.booleans())
def test_the_chosen_time_is_worth_as_much_as_the_best_of_a_fine_grid(
    seen: list[float], benefit: float, share: bool
) -> None:
    bench = Bench(benefit, hold_price="memory-share" if share else "second")
    for seconds in seen:
        bench.pause(seconds)
    chosen = bench.ttl(tokens=100)
    price = 0.1 if share else 1.0  # 100 of 1,000 tokens
    grid = np.arange(0.0, 50.005, 0.01).round(2)  # the pauses have two digits
    values = worth(grid, seen, benefit, price)
    if chosen == 0.0:
        assert values.max() <= max(0.0, values[0]) + 1e-9
        return
    assert worth(np.array([chosen]), seen, benefit, price)[0] == pytest.approx(values.max())
    assert chosen == pytest.approx(grid[np.argmax(values >= values.max() - 1e-12)]), "the smallest of the best"


@some
@given(seen=pauses, one=benefits, other=benefits)
def test_the_time_grows_with_the_benefit_and_never_exceeds_the_longest_pause_seen(
    seen: list[float], one: float, other: float
) -> None:
    chosen = []
    for benefit in sorted((one, other)):
        bench = Bench(benefit)
        for seconds in seen:
            bench.pause(seconds)
        chosen.append(bench.ttl())
    assert chosen[0] <= chosen[1] <= max(seen)


@given(benefit=st.floats(-5.0, 100.0))
def test_a_cold_start_is_the_logarithm_of_the_benefit_or_nothing(benefit: float) -> None:
    assert Bench(benefit).ttl() == pytest.approx(math.log(benefit) if benefit > 1 else 0.0)


@given(benefit=st.floats(-5.0, 0.0), seen=pauses)
def test_without_a_benefit_nothing_is_kept(benefit: float, seen: list[float]) -> None:
    bench = Bench(benefit)
    for seconds in seen:
        bench.pause(seconds)
    assert bench.ttl() == 0.0


def test_a_tool_goes_by_its_own_pauses_once_enough_are_seen_and_by_those_of_all_before() -> None:
    bench = Bench(10.0)
    for _ in range(SAMPLES + 1):
        bench.pause(2.0, tool=7)
    bench.pause(5.0, tool=8)
    assert bench.ttl(tool=7) == 2.0
    assert bench.ttl(tool=8) == 2.0, "one pause of its own is not trusted"
    for _ in range(SAMPLES):
        bench.pause(5.0, tool=8)
    assert bench.ttl(tool=8) == 5.0
    assert bench.ttl(tool=7) == 2.0


def test_old_pauses_are_forgotten_and_tools_beyond_the_table_go_by_all() -> None:
    bench = Bench(1e6)
    for k in range(HISTORY):
        bench.pause(float(k % 40))
    for _ in range(HISTORY):
        bench.pause(3.0)
    assert bench.ttl() == 3.0, "no pause of the first thousand is left"
    for k in range(TOOLS + 5):
        for _ in range(SAMPLES + 1):
            bench.pause(4.0, tool=100 + k)
    assert bench.ttl(tool=100 + TOOLS + 4) == 4.0


@given(turns=st.integers(2, 40), programs=st.integers(1, 20))
def test_programs_of_equal_length_are_foreseen_wholly(turns: int, programs: int) -> None:
    bench = Bench(0.0)
    for _ in range(programs):
        bench.program(turns)
    bench.wait(5.0)
    assert memoryfulness(bench) == pytest.approx(1.0)


def test_programs_of_geometric_length_are_not_foreseen() -> None:
    bench = Bench(0.0)
    for turns in np.random.default_rng(3).geometric(1 / 6, 20_000).tolist():
        bench.program(turns)
    bench.wait(5.0)
    assert abs(memoryfulness(bench)) < 0.03


def test_memoryfulness_is_the_negative_correlation_of_turns_had_and_left() -> None:
    lengths = np.random.default_rng(4).integers(1, 12, 50).tolist()
    bench = Bench(0.0)
    for turns in lengths:
        bench.program(turns)
    bench.wait(5.0)
    pairs = np.array([(k, turns - k) for turns in lengths for k in range(1, turns + 1)])
    assert memoryfulness(bench) == pytest.approx(-np.corrcoef(pairs.T)[0, 1])


def test_the_mean_wait_is_that_of_the_last_turns_whose_blocks_had_not_been_kept() -> None:
    bench = Bench(0.0, window=4)
    for seconds in (100.0, 1.0, 2.0, 3.0, 6.0):  # the first leaves the window
        bench.wait(seconds)
    bench.wait(50.0, kept=2)
    assert bench.ttl() == pytest.approx(math.log(3.0))


def memoryfulness(bench: Bench) -> float:
    """Return eta, from the cold start of a benefit of eta times a wait of 5 s and a constant of 20 s."""
    bench.memory[2] = 20.0
    return (math.exp(bench.ttl()) - 20.0) / 5.0
