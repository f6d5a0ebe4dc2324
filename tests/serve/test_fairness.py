"""Bounds on what two users are served, from the literature, on workloads where first come, first served breaks them."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Floats, Trace
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders.deficit_round_robin import DeficitRoundRobin
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.virtual_token_counter import VirtualTokenCounter
from evenly.testing.serve import BLOCK, serve

ROOMY = 10_000 * BLOCK  # nobody is preempted
LONGEST = 500
INPUT, OUTPUT = 1.0, 2.0  # weights of the orders' defaults

seeds = st.integers(0, 1 << 30)
some = settings(max_examples=25)


def backlog(seed: int, users: int = 2, count: int = 60) -> Trace:
    """Return users who send all they have at once, the first one before the others, each of another size."""
    chance = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), count)
    far, long = chance.integers(5, 300, users), chance.integers(2, 80, users)
    prompt, output = chance.integers(1, far[user] + 1), chance.integers(1, long[user] + 1)
    return Trace(np.zeros(len(user)), prompt, output, user=user)


def served(trace: Trace, seats: int, **slots: Any) -> Any:
    """Serve with so many seats and memory for all."""
    return serve(trace, engine=VllmV1(max_num_seqs=seats), kv_tokens=ROOMY, max_model_len=LONGEST, **slots)


def service(run: Any, user: int) -> tuple[Floats, Floats]:
    """Return when a user was served and how much: prompts as they start, tokens as they come."""
    requests = run.requests
    owner = np.repeat(requests["user"], requests["output"])
    mine = requests["user"] == user
    times = np.concatenate((requests["start"][mine], run.tokens[owner == user]))
    gave = np.concatenate((INPUT * requests["prompt"][mine], np.full((owner == user).sum(), OUTPUT)))
    return times, gave


def lead(run: Any, one: int, other: int, begin: float, end: float) -> Floats:
    """Return by how much the first user was served more, after every moment from `begin` until before `end`."""
    times, gave = service(run, one)
    theirs, gave_them = service(run, other)
    every, amount = np.concatenate((times, theirs)), np.concatenate((gave, -gave_them))
    inside = (every >= begin) & (every < end)
    moments, place = np.unique(every[inside], return_inverse=True)
    return np.concatenate(([0.0], np.cumsum(np.bincount(place, amount[inside], len(moments)))))


def waits_until(run: Any, user: int) -> float:
    """Return when the last request of a user starts: until then one waits."""
    return float(run.requests["start"][run.requests["user"] == user].max())


def widest(run: Any, one: int, other: int, begin: float = 0.0) -> float:
    """Return the largest difference in service over any interval in which both users wait."""
    gap = lead(run, one, other, begin, min(waits_until(run, one), waits_until(run, other)))
    return float(gap.max() - gap.min())


def counter_bound(trace: Trace, seats: int) -> float:
    """Return 2 max(wp Linput, wq M) of the virtual token counter; M tokens fill a batch."""
    batch = np.sort(trace.prompt + trace.output)[-seats:].sum()
    return 2 * max(INPUT * float(trace.prompt.max()), OUTPUT * float(batch))


def costs(trace: Trace, seats: int) -> float:
    """Return what the dearest requests cost that can run together, in weighted tokens."""
    return float(np.sort(INPUT * trace.prompt + OUTPUT * trace.output)[-seats:].sum())


@some
@given(seed=seeds, seats=st.sampled_from([1, 2, 5]), users=st.integers(2, 4))
def test_the_virtual_token_counter_keeps_two_waiting_users_within_2_max_of_wp_linput_and_wq_m(
    seed: int, seats: int, users: int
) -> None:
    trace = backlog(seed, users)
    run = served(trace, seats, order=VirtualTokenCounter())
    for one, other in itertools.combinations(range(users), 2):
        assert widest(run, one, other) <= counter_bound(trace, seats)


def test_first_come_first_served_breaks_the_bound_of_the_virtual_token_counter_on_the_same_workloads() -> None:
    broken = 0
    for seed in range(20):
        trace = backlog(seed)
        broken += widest(served(trace, 2, order=FirstCome()), 0, 1) > counter_bound(trace, 2)
    assert broken >= 18


@some
@given(seed=seeds, away=st.floats(0.1, 0.9))
def test_a_user_who_comes_back_to_a_fair_order_has_saved_no_credit(seed: int, away: float) -> None:
    """The second user sends nothing until a part of the first one's work is done, and then both wait."""
    trace = backlog(seed)
    alone = served(trace.take(np.arange(60)), 2, order=VirtualTokenCounter())
    back = away * waits_until(alone, 0)
    late = Trace(np.where(trace.user == 1, back, 0.0), trace.prompt, trace.output, user=trace.user)
    run = served(late, 2, order=VirtualTokenCounter())
    assert widest(run, 0, 1, begin=back) <= counter_bound(trace, 2)
    rounds = served(late, 2, order=DeficitRoundRobin(50))
    assert widest(rounds, 0, 1, begin=back) <= 2 * (50 + costs(trace, 2))


@some
@given(seed=seeds, quantum=st.sampled_from([1, 50, 700]), seats=st.sampled_from([1, 3]))
def test_deficit_round_robin_keeps_two_waiting_users_within_a_quantum_and_the_requests_that_run(
    seed: int, quantum: int, seats: int
) -> None:
    trace = backlog(seed)
    run = served(trace, seats, order=DeficitRoundRobin(quantum))
    gap = lead(run, 0, 1, 0.0, min(waits_until(run, 0), waits_until(run, 1)))
    assert np.abs(gap).max() <= quantum + costs(trace, seats)


def test_a_larger_quantum_lets_a_users_requests_run_together() -> None:
    """Users change less often from one start to the next; with a quantum above all work it is first come."""
    trace = backlog(3)
    changes = []
    for quantum in (1, 500, 1 << 30):
        run = served(trace, 1, order=DeficitRoundRobin(quantum))
        turn = run.requests["user"][np.argsort(run.requests["start"], kind="stable")]
        changes.append(int(np.count_nonzero(np.diff(turn))))
    assert changes[0] > changes[1] > changes[2] == 1


@some
@given(seed=seeds)
def test_with_one_user_both_fair_orders_are_first_come(seed: int) -> None:
    trace = backlog(seed, users=1)
    first = served(trace, 3, order=FirstCome()).requests["start"]
    for order in (VirtualTokenCounter(), DeficitRoundRobin(100)):
        assert np.array_equal(served(trace, 3, order=order).requests["start"], first)
