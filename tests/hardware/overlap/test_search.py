"""Schedules: found, examined by the checker, and held against exact ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from evenly.hardware.overlap.check import check
from evenly.hardware.overlap.exact import brute, milp
from evenly.hardware.overlap.graph import Graph, graph, published
from evenly.hardware.overlap.interference import EARLIER, PAPER, PROPORTIONAL, SHARES, TABLES, Interference
from evenly.hardware.overlap.profile import profile
from evenly.hardware.overlap.schedule import Schedule
from evenly.hardware.overlap.search import Overlap, fitted, one, search
from tests.hardware.overlap.layers import layers

SEVENTY = profile("llama-2-70b", "a100-80gb", 8)
EIGHT = profile("llama-3-8b", "a100-80gb", 1)
OF = graph(SEVENTY, published(SEVENTY), 1024)


def test_order_alone_comes_to_2_40_ms_or_less() -> None:
    found = search(OF)
    check(found)
    assert OF.bound <= found.period <= 2.40e-3


@pytest.mark.parametrize("table", [PAPER, EARLIER], ids=lambda table: table.name)
def test_with_interference_it_stays_between_2_03_and_2_90_ms_and_beats_the_batch_in_one_piece(
    table: Interference,
) -> None:
    found = fitted(SEVENTY, 2048, 1280, 1024, table)
    check(found)
    assert 2.03e-3 <= found.period <= 2.90e-3
    assert OF.sequential / found.period >= 1.17
    assert found.period < 0.868 * OF.sequential < OF.sequential


@pytest.mark.parametrize("overlap", ["all", "network", "none"])
@pytest.mark.parametrize("table", [None, *TABLES.values()], ids=lambda table: table.name if table else "none")
@pytest.mark.parametrize("seed", [0, 1])
def test_every_schedule_passes_the_examiner(overlap: Overlap, table: Interference | None, seed: int) -> None:
    for measured in (SEVENTY, EIGHT):
        found = one(graph(measured, published(measured), 1024), table, overlap, 20, seed, 1000)
        check(found)
        assert found.period <= found.graph.sequential * (1 + 1e-9) or overlap != "none"


def test_where_speed_is_share_overlap_gains_nothing() -> None:
    for measured, batch, decode in ((SEVENTY, 2048, 1280), (EIGHT, 1024, 384)):
        found = fitted(measured, batch, decode, 1024, PROPORTIONAL)
        assert found.period == pytest.approx(found.graph.sequential, rel=0.01)


def test_faster_tables_never_lengthen_a_schedule_of_given_shares() -> None:
    found = one(OF, PAPER, "all", 12, 0)
    faster = np.minimum(1.0, PAPER.speeds() * 1.1)
    level = np.searchsorted(SHARES, found.share - 1e-9)
    assert (OF.seconds / faster[OF.resource, level] <= (found.end - found.begin)[:, 0] + 1e-12).all()
    free = one(OF, None, "all", 12, 0)
    assert free.period <= found.period


@settings(max_examples=40)
@given(of=layers())
def test_the_exact_optimum_is_that_of_all_orders(of: Graph) -> None:
    assert milp(of) == pytest.approx(brute(of), rel=1e-6)


@settings(max_examples=25)
@given(of=layers())
def test_no_found_schedule_is_shorter_than_the_exact_one_nor_than_its_busiest_resource(of: Graph) -> None:
    found = one(of, None, "all", 1, 0, 500)
    assert found.end.max() >= milp(of) * (1 - 1e-6)
    many = one(of, PAPER, "all", 8, 0, 500)
    assert many.period >= of.bound * (1 - 1e-9)


def test_equal_seeds_give_equal_schedules() -> None:
    first, second = (one(OF, PAPER, "all", 12, 3) for _ in range(2))
    assert (first.begin == second.begin).all()
    assert (first.share == second.share).all()


def test_more_nano_operations_than_can_be_enumerated_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 8 nano-operations, not 21"):
        brute(OF)


def broken(kind: str) -> Schedule:
    """Return a schedule with one slip."""
    good = one(OF, PAPER, "all", 4, 0, 500)
    if kind == "waits":
        early = good.begin.copy(), good.end.copy()
        late = int(np.argmax(good.begin[:, 1]))
        length = early[1][late] - early[0][late]
        early[0][late], early[1][late] = 0.0, length
        return replace(good, begin=early[0], end=early[1])
    if kind == "lasts":
        return replace(good, end=good.end + 1e-5)
    nanos = tuple(n if n.operation != "up" or n.begin else replace(n, end=512) for n in OF.nanos)
    return replace(good, graph=Graph(nanos, OF.edges))


@pytest.mark.parametrize(
    ("kind", "message"),
    [("waits", "begins at"), ("lasts", "lasts"), ("covers", "a range ends at 512 and the next begins at 640")],
)
def test_the_examiner_names_what_is_broken(kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(broken(kind))


def test_the_examiner_finds_a_device_that_is_held_twice() -> None:
    good = one(OF, PAPER, "all", 4, 0)
    held = good.share.copy()
    held[:] = 1.0  # everybody holds all, and lasts accordingly
    begin = good.begin
    end = begin + OF.seconds[:, None]
    with pytest.raises(ValueError, match="of a device is held at"):
        check(replace(good, share=held, begin=begin, end=end))
