"""A transformer on two processes: every layout gives the tokens of one process, and the simulator knows its passes."""

import hashlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory
from threading import Semaphore

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Ints
from evenly.hosts.decoder import Shape
from evenly.hosts.layouts.crew import Crew
from evenly.hosts.layouts.exchange import Exchange
from evenly.hosts.layouts.fitted import COLUMNS, Measured, foreseen, tabled
from evenly.hosts.layouts.measure import apart, ordered
from evenly.hosts.layouts.network import WAYS, cut, drawn, plain
from evenly.hosts.layouts.part import OPERATIONS
from evenly.hosts.layouts.script import script
from evenly.hosts.layouts.worker import Task
from evenly.hosts.phases.pool import made
from evenly.plan.cost import Tables
from evenly.plan.layout import Layout

SHAPE = Shape(layers=2, width=16, heads=2, vocabulary=20, context=64)


def test_every_layout_gives_the_tokens_and_scores_of_one_process() -> None:
    before = set(multiprocessing.active_children())
    found = apart(seed=3)
    assert found["tokens"] == 0
    assert found["scores"] <= 1e-4
    assert set(multiprocessing.active_children()) <= before


def test_a_pass_that_the_memory_does_not_hold_is_refused() -> None:
    with Crew(SHAPE, 0, most=8) as crew:
        task = Task(WAYS["TP2"], [np.zeros(9, np.int64)], np.array([1]), seats=1)
        with pytest.raises(ValueError, match="a pass has 9 tokens, more than the 8"):
            crew.serve(task)


@pytest.mark.parametrize("way", WAYS)
def test_the_parts_of_two_workers_are_the_whole(way: str) -> None:
    whole = drawn(SHAPE, 1)
    parts = [cut(whole, WAYS[way], worker) for worker in range(2)]
    sizes = [sum(layer.project.size + layer.narrow.size for layer in part.layers) for part in parts]
    total = sum(layer.project.size + layer.narrow.size for layer in whole.layers)
    assert sizes == ([total, total] if way == "DP2" else [total // 2, total // 2])


def test_clocks_show_the_later_time_after_a_meeting_and_sums_are_the_same_on_both_sides() -> None:
    shown, sums, ahead = [0.0, 0.0], [np.zeros(0, np.float32) for _ in range(2)], [0.0]
    gates = (Semaphore(0), Semaphore(0))

    def work(memory: SharedMemory, worker: int) -> None:
        exchange = Exchange(memory, gates, worker, rows=2, width=3)
        if worker == 0:
            while exchange.now() < 0.02:
                hashlib.sha256(b"work").digest()
        ahead[0] = max(ahead[0], exchange.now())
        sums[worker] = exchange.reduce(np.full((2, 3), worker + 1, np.float32))
        shown[worker] = exchange._zero
        exchange.close()

    with made(Exchange.size(2, 3)) as memory, ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, memory, worker) for worker in range(2)]:
            done.result(60)
    assert shown[0] == shown[1] >= ahead[0] >= 0.02
    assert all(one.size == 6 and (one == 3).all() for one in sums)


def test_a_network_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="divides layers, heads and vocabulary"):
        cut(drawn(replace(SHAPE, layers=3), 0), Layout(stages=2), 0)


def test_a_cache_that_is_wrong_would_change_tokens() -> None:
    whole = drawn(SHAPE, 2)
    text = np.arange(12) % SHAPE.vocabulary
    other = text.copy()
    other[0] += 1
    apart = np.abs(plain(whole, text)[-1] - plain(whole, other)[-1]).max()
    assert apart > 0.01, "the first token is seen by the last"


lengths = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=20)


def tables(seconds: float = 1.0, context: float = 0.0) -> Tables:
    """Return a pass of so many seconds, and so many more for each token of context."""
    constants = (seconds, 0.0, 0.0, 0.0, context, 0.0, 1.0)
    return Tables(np.array([*constants, 1.0, 0.0]), np.zeros(0), Measured())


@settings(max_examples=30, deadline=None)
@given(lengths=lengths, way=st.sampled_from([*WAYS]), seats=st.sampled_from([2, 4, 8]))
def test_the_simulator_runs_the_passes_of_the_scripts(lengths: list[tuple[int, int]], way: str, seats: int) -> None:
    prompt, output = (np.array(column) for column in zip(*lengths, strict=True))
    task = Task(WAYS[way], [np.zeros(size, np.int64) for size in prompt], output, seats)
    expected = passes_between(task)
    window = WAYS[way].stages  # passes of a second: a window of a pipeline has one for each stage
    assert np.allclose(foreseen(task, tables()), expected * window, equal_nan=True)


def passes_between(task: Task) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return how many passes of its engine each answer takes for a token after the first; NaN for one token."""
    first, last = np.zeros(len(task.prompts)), np.zeros(len(task.prompts))
    for passes in task.scripts():
        for k, one in enumerate(passes):
            first[list(one.prompts)] = k
            last[list(one.texts)] = k
    with np.errstate(invalid="ignore"):
        return np.asarray((last - first) / (task.output - 1))


@given(output=st.lists(st.integers(1, 9), min_size=1, max_size=20), seats=st.integers(1, 6))
def test_a_script_gives_every_answer_its_tokens_and_fills_all_seats_while_somebody_waits(
    output: list[int], seats: int
) -> None:
    passes = script(range(len(output)), np.array(output), seats)
    given = np.bincount([i for one in passes for i in one.texts], minlength=len(output))
    assert given.tolist() == output
    prompts = [i for one in passes for i in one.prompts]
    assert prompts == sorted(prompts) == list(range(len(output)))
    begun = np.cumsum([len(one.prompts) for one in passes])
    assert all(len(one.texts) == seats for one, count in zip(passes, begun, strict=True) if count < len(output))


def test_tables_give_back_what_passes_were_made_of() -> None:
    chance = np.random.default_rng(0)
    sizes = sizes_of(chance.integers(1, 9, 40), chance.integers(10, 200, 40))
    taken = {
        "enter": 0 * sizes["tokens"],
        "linear": 1e-3 + 1e-4 * sizes["tokens"],
        "attention": np.where(
            sizes["prompts"] > 0,
            3e-5 * sizes["prompts"] + 1e-7 * sizes["pairs"],
            2e-5 * sizes["decodes"] + 1e-6 * sizes["resident"],
        ),
        "exchange": 1e-5 * sizes["tokens"],
        "head": 2e-4 + 1e-5 * (sizes["decodes"] + sizes["prompts"]),
    }
    found = tabled(sizes | taken).own
    assert found[:6] == pytest.approx([2e-4, 3e-5, 4e-5, 1e-7, 1e-6, 0.0], rel=1e-6)
    count = int(found[6])
    x, y = found[7 : 7 + count], found[7 + count :]
    assert y == pytest.approx(1e-3 + 1.1e-4 * x)


def sizes_of(requests: Ints, context: Ints) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return passes of decodes, then as many of prompts."""
    zero = np.zeros(len(requests))
    columns = (
        np.append(requests, requests * context),
        np.append(requests, zero),
        np.append(zero, requests),
        np.append(zero, requests * context**2 / 2),
        np.append(requests * context, zero),
    )
    assert set(OPERATIONS).isdisjoint(COLUMNS)
    return dict(zip(COLUMNS, (column.astype(np.float64) for column in columns), strict=True))


def test_pairs_in_the_same_order_are_counted() -> None:
    assert ordered({"a": 1, "b": 2}, {"a": 5, "b": 3}) == 0.0
    assert ordered({"a": 1, "b": 2, "c": 4}, {"a": 1, "b": 2, "c": 3}) == 1.0
