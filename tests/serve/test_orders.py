"""What the orders are known for: optimal waits, deadlines, programs in turn, short programs first."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Trace
from evenly.hardware.costs.linear import Linear
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders import orders
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.least_attained_service import LeastAttainedService
from evenly.serve.orders.priority import Priority
from evenly.serve.orders.program_first_come import ProgramFirstCome
from evenly.serve.orders.shortest_remaining import ShortestRemaining
from evenly.serve.orders.slo_slack import SloSlack
from evenly.testing.serve import BLOCK, serve
from tests.serve.programs import programs, slots_of

FIXED, TOKEN = 0.0101, 0.000117  # seconds of a pass and of a token
EXACT = (FIXED + TOKEN) / TOKEN  # prompt tokens that take as long as a token of a lone decode

seeds = st.integers(0, 1 << 30)
some = settings(max_examples=25)


def served(trace: Trace, seats: int = 1, **slots: Any) -> Any:
    """Serve with so many seats and memory for all."""
    given: dict[str, Any] = {"engine": VllmV1(max_num_seqs=seats), "cost": Linear(FIXED, TOKEN), "max_model_len": 4000}
    return serve(trace, kv_tokens=10_000 * BLOCK, **(given | slots)).requests


def batch(seed: int, count: int) -> Trace:
    """Return requests that come at once."""
    chance = np.random.default_rng(seed)
    return Trace(np.zeros(count), chance.integers(1, 900, count), chance.integers(1, 40, count))


def mean_wait(requests: Any) -> float:
    return float((requests["start"] - requests["arrival"]).mean())


@settings(max_examples=6)
@given(seed=seeds)
def test_shortest_remaining_that_knows_the_lengths_waits_least_of_all_orders_of_a_batch_on_one_seat(seed: int) -> None:
    trace = batch(seed, 5)
    least = mean_wait(served(trace, order=ShortestRemaining(EXACT)))
    for places in itertools.permutations(range(5)):
        ranked = Trace(trace.arrival, trace.prompt, trace.output, priority=np.array(places))
        assert least <= mean_wait(served(ranked, order=Priority())) + 1e-9


def test_waits_grow_with_the_error_of_the_prediction_towards_those_of_first_come() -> None:
    waits = {
        error: np.mean([mean_wait(served(batch(s, 40), order=order)) for s in range(10)])
        for error, order in ((e, ShortestRemaining(EXACT, error=e)) for e in (0.0, 0.5, 3.0))
    }
    blind = np.mean([mean_wait(served(batch(s, 40), order=FirstCome())) for s in range(10)])
    assert waits[0.0] < waits[0.5] < waits[3.0] < blind


def test_the_error_of_the_prediction_is_lognormal_with_the_deviation_that_was_asked_for() -> None:
    order = ShortestRemaining(1.0, error=0.5, aging=0.0)
    requests = np.zeros(20_000, [("arrival", "f8"), ("prompt", "i8"), ("output", "i8"), ("generated", "i8")])
    requests["output"] = 1 << 40
    seen, memory = requests.view(np.recarray), order.memory(3, 1)
    with np.errstate(over="ignore"):
        guess = np.array([order.rank(0.0, 1, i, seen, seen, memory) for i in range(len(requests))])
    miss = np.log(guess / (1 << 40))
    assert miss.mean() == pytest.approx(0.0, abs=4 * 0.5 / np.sqrt(len(miss)))  # four standard errors
    assert miss.std() == pytest.approx(0.5, rel=4 / np.sqrt(2 * len(miss)))
    assert (np.abs(miss) < 0.5).mean() == pytest.approx(0.6827, abs=4 * np.sqrt(0.6827 * 0.3173 / len(miss)))


def test_aging_bounds_how_long_a_long_request_is_passed_over() -> None:
    """Short requests fill the seat for ever; the long one starts once its age outweighs its tokens."""
    count = 400
    prompt = np.where(np.arange(count) == 0, 2000, 50)
    trace = Trace(np.concatenate(([0.0, 0.0], 0.01 * np.arange(count - 2))), prompt, np.ones(count, int))
    waits = {
        aging: float(served(trace, order=ShortestRemaining(1.0, aging=aging))["start"][0]) for aging in (0.0, 2000.0)
    }
    assert waits[2000.0] < 2.0 < waits[0.0]


@some
@given(seed=seeds)
def test_slo_slack_on_equal_prompts_is_earliest_deadline_first(seed: int) -> None:
    chance = np.random.default_rng(seed)
    count = 30
    trace = Trace(
        arrival=np.cumsum(chance.exponential(0.03, count)),
        prompt=np.full(count, 200),
        output=chance.integers(1, 9, count),
        deadline=chance.exponential(0.4, count),
    )
    assert trace.deadline is not None
    due = trace.arrival + trace.deadline
    requests = served(trace, order=SloSlack())
    for i in range(count):
        begins = requests["start"][i]
        waiting = (trace.arrival <= begins) & (requests["start"] > begins)
        assert (due[i] <= due[waiting]).all()


def test_slo_slack_starts_a_long_prompt_before_a_short_one_of_the_same_deadline() -> None:
    trace = Trace(np.zeros(3), np.array([50, 50, 900]), np.array([20, 1, 1]), deadline=np.array([0.01, 1.0, 1.0]))
    assert np.argsort(served(trace, order=SloSlack(rate=2000.0))["start"]).tolist() == [0, 2, 1]
    same = Trace(trace.arrival, trace.prompt, trace.output)  # none is named: the knob holds for all
    assert np.argsort(served(same, order=SloSlack(rate=2000.0))["start"]).tolist() == [2, 0, 1]


def conversations(seed: int, count: int, rate: float, pause: float = 0.0) -> Trace:
    """Return programs whose number of turns is heavy-tailed: Pareto, exponent 1.2."""
    chance = np.random.default_rng(seed)
    turns = np.minimum(np.ceil(chance.pareto(1.2, count)), 200).astype(int).clip(1)
    begin = np.cumsum(chance.exponential(1 / rate, count))
    program = np.repeat(np.arange(count), turns)
    opens = np.concatenate(([True], np.diff(program) > 0))
    after = np.where(opens, -1, np.arange(len(program)) - 1)
    prompt, output = chance.integers(20, 300, len(program)), chance.integers(1, 12, len(program))
    return Trace(begin[program], prompt, output, after=after, pause=np.where(opens, 0.0, pause))


def ends(trace: Trace, requests: Any) -> Any:
    """Return when each program ends."""
    assert trace.after is not None
    program = np.cumsum(trace.after < 0) - 1
    last = np.zeros(program[-1] + 1)
    np.maximum.at(last, program, requests["finish"])
    return last


@some
@given(seed=seeds)
def test_program_first_come_ends_programs_in_the_order_in_which_they_began_on_one_seat(seed: int) -> None:
    trace = conversations(seed, 15, 2.0)
    last = ends(trace, served(trace, order=ProgramFirstCome()))
    assert (np.diff(last) > 0).all()


def test_request_first_come_does_not_end_programs_in_the_order_in_which_they_began() -> None:
    trace = conversations(1, 15, 2.0)
    assert (np.diff(ends(trace, served(trace, order=FirstCome()))) < 0).any()


@pytest.mark.parametrize("levels", [0, 4])
def test_least_attained_service_slows_heavy_tailed_programs_down_less_on_average_than_first_come(levels: int) -> None:
    """Slowdown is the time of a program in the system over its time alone."""
    orders = {"first": FirstCome(), "least": LeastAttainedService(EXACT, levels, first=1000.0)}
    mean: dict[str, list[float]] = {name: [] for name in orders}
    for seed in range(5):
        trace = conversations(seed, 120, 1.6)
        assert trace.after is not None
        own = np.bincount(np.cumsum(trace.after < 0) - 1, TOKEN * (trace.prompt + EXACT * trace.output))
        for name, order in orders.items():
            slowdown = (ends(trace, served(trace, order=order)) - trace.arrival[trace.after < 0]) / own
            mean[name].append(slowdown.mean())
    assert (np.array(mean["least"]) < np.array(mean["first"])).all(), mean


def test_the_default_rate_of_slo_slack_is_the_roofline_that_it_names() -> None:
    cost = Roofline()
    tables = cost.tables(model("llama-3.1-8b"), device("a100-80gb"), 1)
    seconds = cost.seconds(np.array([2048]), np.zeros(1, np.int64), 0, 0.0, 0, tables)[0]
    assert SloSlack().rate == pytest.approx(2048 / seconds, rel=0.02)


@pytest.mark.parametrize("order", list(orders))
@settings(max_examples=30)
@given(seed=seeds, replicas=st.sampled_from([1, 3]))
def test_skipping_ahead_equals_going_step_by_step_under_every_order(order: str, seed: int, replicas: int) -> None:
    slots = slots_of(seed) | {"order": orders[order](), "replicas": replicas, "cost": Linear(FIXED, TOKEN)}
    fast, slow = (serve(programs(seed), step=step, **slots).requests for step in (False, True))
    for name in ("arrival", "start", "first_token", "finish"):
        np.testing.assert_allclose(fast[name], slow[name], rtol=1e-9, err_msg=name)
    for name in ("cached", "preemptions", "replica"):
        assert np.array_equal(fast[name], slow[name]), name


def test_a_head_whose_whole_prompt_does_not_fit_gives_way_as_soon_as_another_got_less() -> None:
    """Program 1 decodes eight requests and waits with one too long beside them; it overtakes program 2 in service."""
    prompt = np.array([300, *[2] * 8, 315, 10])
    output = np.array([1, *[60] * 8, 1, 1])
    arrival = np.array([*[0.0] * 9, 0.06, 0.06])
    trace = Trace(arrival, prompt, output, session=np.array([2, *[1] * 9, 2]))
    slots: dict[str, Any] = {
        "engine": VllmV1(max_num_batched_tokens=320, max_num_seqs=16, enable_chunked_prefill=False)
    }
    fast, slow = (served(trace, step=step, order=LeastAttainedService(), **slots) for step in (False, True))
    assert fast["start"][10] < fast["finish"][1] <= fast["start"][9]
    assert fast["start"] == pytest.approx(slow["start"], rel=1e-9)
