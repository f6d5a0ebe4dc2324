"""Orders of passes: the kernel against a plain twin, published formulas, and mistakes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.train.pipeline.job import BARRIERS, Job, Placement
from evenly.train.pipeline.passes import BACKWARD, FORWARD, INPUT, Order, live, peaks
from evenly.train.pipeline.schedules import schedules
from evenly.train.pipeline.schedules.interleaved import Interleaved
from evenly.train.pipeline.schedules.one_f_one_b import OneFOneB
from evenly.train.pipeline.timeline import replay, run
from evenly.train.pipeline.times import Times
from tests.train.pipeline import plain

PLACEMENTS: list[Placement] = ["ends", "interlaced", "two-barriers", "one-barrier"]


def times(stages: int, devices: int, seed: int, sharded: bool) -> Times:
    """Return random times of everything."""
    chance = np.random.default_rng(seed)
    shards = chance.uniform(0.0, 0.5, (4, devices)) * sharded
    rest: Any = chance.uniform(0.0, 0.3, 4)
    return Times(*chance.uniform(0.2, 2.0, (3, stages)), *shards, *rest.tolist())


def alike(stages: int, devices: int, shard: float = 0.0) -> Times:
    """Return F = I = W = 1 and an output layer of `shard` in all, a third of it its first pass."""
    one, none = np.ones(stages), np.zeros(devices)
    return Times(one, one, one, none + shard / 3, none + 2 * shard / 3, none, none)


CASES = [(name, placement) for name in schedules for placement in ("ends", *schedules[name].sharded)]


@pytest.mark.parametrize(("name", "placement"), CASES)
def test_the_kernel_takes_as_long_as_a_plain_twin(name: str, placement: Any) -> None:
    schedule = schedules[name]()
    for devices, micro in ((1, 3), (2, 4), (3, 6), (4, 8)):
        known = times(len(schedule.homes(devices)), devices, devices, BARRIERS[placement] > 0)
        order = schedule.order(Job(devices, micro, placement, known))
        assert run(order, known).makespan == pytest.approx(plain.makespan(order, known), rel=1e-12)


@pytest.mark.parametrize("placement", ["ends", "two-barriers", "one-barrier"])
def test_measured_passes_are_replayed_as_they_ran(placement: Placement) -> None:
    known = times(3, 3, 1, BARRIERS[placement] > 0)
    free = replace(known, hop=0.0, broadcast=0.0, meet=0.0, reduce=0.0)
    order = OneFOneB().order(Job(3, 6, placement, known))
    seconds = free.of(order)
    assert replay(order, seconds).makespan == run(order, free).makespan
    seconds[order.batch == 2] *= 3.0  # one micro-batch is longer on every device
    longer = replay(order, seconds)
    assert longer.makespan > run(order, free).makespan
    assert longer.busy.sum() == pytest.approx(seconds.sum())
    with pytest.raises(ValueError, match=f"the order has {len(seconds)} passes, not"):
        replay(order, seconds[1:])


@given(
    devices=st.integers(1, 16),
    micro=st.integers(1, 30),
    placement=st.sampled_from(PLACEMENTS),
    shard=st.floats(0.0, 2.0),
    ratio=st.floats(1.0, 4.0),
)
@settings(max_examples=60)
def test_a_block_runs_for_any_pipeline_and_holds_one_more_for_each_barrier(
    devices: int, micro: int, placement: Placement, shard: float, ratio: float
) -> None:
    one, none = np.ones(devices), np.zeros(devices)
    part = none + shard / 2 * (BARRIERS[placement] > 0)
    known = Times(one, one * ratio / 2, one * ratio / 2, part, part, none, none)
    order = OneFOneB().order(Job(devices, micro, placement, known))
    found = run(order, known)
    more = (devices - 1) // 2 + 1 if placement == "interlaced" else BARRIERS[placement]
    assert peaks(order).max() <= devices + more
    assert found.makespan >= max(found.busy.max(), known.forward.sum() + known.backward.sum()) - 1e-9
    assert all(count[-1] == 0 for count in live(order))


@given(devices=st.integers(1, 12), extra=st.integers(0, 20), f=st.floats(0.1, 3.0), b=st.floats(0.1, 3.0))
@settings(max_examples=40)
def test_1f1b_takes_what_the_formula_says(devices: int, extra: int, f: float, b: float) -> None:
    one, none = np.ones(devices), np.zeros(devices)
    known = Times(f * one, b / 2 * one, b / 2 * one, none, none, none, none)
    micro = devices + extra
    found = run(OneFOneB().order(Job(devices, micro, "ends", known)), known)
    assert found.makespan == pytest.approx((micro + devices - 1) * (f + b))


@pytest.mark.parametrize("devices", [2, 4, 8, 16])
def test_barriers_cost_one_micro_batch_each(devices: int) -> None:
    for placement, most in (("ends", 0), ("one-barrier", 1), ("two-barriers", 2)):
        known = alike(devices, devices, 0.75 if most else 0.0)
        order = OneFOneB().order(Job(devices, 4 * devices, placement, known))  # type: ignore[arg-type] # listed above
        assert peaks(order).max() == devices + most


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_zero_bubble_waits_as_published(devices: int) -> None:
    waits = {}
    for name in ("one-f-one-b", "zb-h1"):
        known = alike(devices, devices)
        found = run(schedules[name]().order(Job(devices, 4 * devices, "ends", known)), known)
        waits[name] = found.makespan - found.busy.mean()
        assert peaks(found.order).max() == devices
    assert waits == pytest.approx({"one-f-one-b": 3 * (devices - 1), "zb-h1": devices - 1})


def test_interleaving_divides_the_bubble_by_the_chunks() -> None:
    for chunks in (1, 2, 4):
        schedule, known = Interleaved(chunks), alike(4 * chunks, 4)
        found = run(schedule.order(Job(4, 16, "ends", known)), known)
        assert found.makespan - found.busy.mean() == pytest.approx(9.0)  # of passes that are 1 / chunks of a stage


def test_a_v_holds_as_much_on_every_device() -> None:
    for name, share in (("v-half", 0.6), ("v-min", 0.45)):
        schedule = schedules[name]()
        held = peaks(schedule.order(Job(16, 64, "ends", alike(32, 16)))) / 2
        assert held.max() <= share * 16
        assert held.max() - held.min() <= 1


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[(FORWARD, 0, 0)], [(FORWARD, 1, 0), (BACKWARD, 1, 0)]], "pass B of stage 0, micro-batch 0, is absent"),
        ([[(FORWARD, 2, 0)], []], "2F0 is of none of 2 stages on 2 devices"),
        ([[(FORWARD, 1, 0)], []], "1F0 belongs to device 1, not 0"),
        ([[(FORWARD, 0, 3)], []], "micro-batches are 0 to 0, not 3"),
        ([[(FORWARD, 0, 0), (INPUT, 0, 0)], [(FORWARD, 1, 0), (BACKWARD, 1, 0)]], "pass W of stage 0"),
    ],
)
def test_a_wrong_order_is_told(lists: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Order.of(np.arange(2), 1, 0, lists).check()


def test_a_job_that_a_schedule_cannot_serve_is_told() -> None:
    with pytest.raises(ValueError, match="multiples of the 4 devices, not 6"):
        schedules["interleaved"]().order(Job(4, 6, "ends", alike(8, 4)))
    with pytest.raises(ValueError, match="needs at least 8 micro-batches, not 6"):
        schedules["dual-pipe-v"]().order(Job(4, 6, "ends", alike(8, 4)))
