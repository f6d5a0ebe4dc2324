"""The heap of waiting requests, against a sorted list."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.kernel.bridge import address, compiled, memory_of
from evenly.kernel.serving import records, waiting
from evenly.serve.orders.virtual_token_counter import VirtualTokenCounter

RANKS = st.integers(0, 3)  # few, so that there are ties
ARRIVALS = st.integers(0, 2)


def first(items: Any) -> tuple[float, float, int, int]:
    found: tuple[float, float, int, int] = items[0].item()
    return found


@given(steps=st.lists(st.tuples(st.sampled_from(["push", "pop", "demote"]), RANKS, ARRIVALS), max_size=60))
def test_the_first_is_the_smallest_by_rank_arrival_and_number(steps: list[tuple[str, int, int]]) -> None:
    items = np.zeros(60, waiting.ITEM)
    kept: list[tuple[float, float, int, int]] = []
    for number, (what, rank, arrival) in enumerate(steps):
        kept.sort()
        if what == "push":
            waiting.push(items, len(kept), rank, arrival, number, 100 + number)
            kept.append((rank, arrival, number, 100 + number))
        elif kept and what == "pop":
            found = waiting.pop(items, len(kept))
            least = kept.pop(0)
            assert found == (least[0], least[3])
        elif kept:
            more = kept[0][0] + rank
            waiting.demote(items, len(kept), more)
            kept[0] = (more, *kept[0][1:])
        assert sorted(item.item() for item in items[: len(kept)]) == sorted(kept)
        if kept:
            assert first(items) == min(kept)


def by_hand(items: Any, count: int, ask: Callable[[int], float]) -> None:
    while (rank := ask(items["row"][0])) > items["rank"][0]:
        waiting.demote(items, count, rank)


@pytest.mark.parametrize("seed", range(20))
def test_to_freshen_in_compiled_code_is_to_ask_one_by_one(seed: int) -> None:
    chance = np.random.default_rng(seed)
    requests, flows = np.zeros(40, records.REQUEST), np.zeros(5, records.FLOW)
    requests["flow"] = chance.integers(0, 5, 40)
    flows["waiting"] = 1
    order = VirtualTokenCounter()
    ask, memory = compiled(order, "rank", records.RANK), memory_of(order, 0, 1)

    def rank(row: int) -> float:
        return float(ask(0.0, 0, row, requests, flows, memory))

    items = np.zeros(40, waiting.ITEM)
    for row in range(40):
        waiting.push(items, row, rank(row), float(chance.integers(0, 9)), row, row)
    for count in range(40, 0, -1):
        flows["output"] += chance.integers(0, 4, 5)
        other = items.copy()
        by_hand(other, count, rank)
        waiting.freshen(items, count, 0.0, address(ask, records.RANK), requests, flows, memory)
        assert np.array_equal(items, other)
        assert rank(items["row"][0]) == min(map(rank, items["row"][:count].tolist()))
        waiting.pop(items, count)


@pytest.mark.parametrize("seed", range(20))
def test_each_flow_is_charged_for_what_its_requests_were_given_since(seed: int) -> None:
    chance = np.random.default_rng(seed)
    requests, flows = np.zeros(40, records.REQUEST), np.zeros(5, records.FLOW)
    requests["flow"] = chance.integers(0, 5, 40)
    charged, given = np.zeros(40, np.int64), np.zeros(40, np.int64)
    room = np.zeros(40, np.int64)
    for _ in range(10):
        rows = chance.permutation(40)[: chance.integers(0, 40)]
        given[rows] += chance.integers(0, 4, len(rows))
        room[: len(rows)] = rows  # what lies behind is of no account
        waiting.charge(room, given[rows], charged, requests, flows)
        assert np.array_equal(charged[rows], given[rows])
        for flow in range(5):
            assert flows["output"][flow] == charged[requests["flow"] == flow].sum()
