"""What keeping the blocks of paused programs promises, pass by pass in the compiled kernel."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Floats, Ints, Trace
from evenly.hardware.costs.linear import Linear
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.serve.retentions import retentions
from evenly.serve.retentions.fixed_ttl import FixedTtl
from evenly.serve.retentions.never import Never
from evenly.serve.victims.latest_program import LatestProgram
from evenly.testing.serve import BLOCK, serve
from tests.serve.programs import LONGEST, TIGHT, programs, slots_of

seeds = st.integers(0, 1 << 30)
ttls = st.sampled_from([0.004, 0.05, 0.3, 2.0, 60.0])
some = settings(max_examples=25)
few = settings(max_examples=8)


@dataclass(frozen=True, slots=True, eq=False)
class Inspector:
    """Budget and cost in one: it knows the time of each pass and looks at the kernel's blocks before it runs."""

    now: list[float] = field(default_factory=lambda: [0.0])
    world: dict[str, Any] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)

    def tokens(self, now: float, decodes: int, resident: int, memory: Floats) -> int:
        self.now[0] = now
        return 2 * LONGEST  # more than any engine here takes

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        return np.zeros(1)

    def facts(self) -> dict[str, str | int | float]:
        return {}

    def watch(self, arrays: dict[str, Any]) -> None:
        self.world.update(arrays)

    def seconds(
        self, chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        if self.world and len(self.world["requests"]):
            self.look()
        return 0.011 + 0.00013 * (decodes + int(chunk.sum())), 0.0, 1e15

    def look(self) -> None:
        requests, pool, owners = self.world["requests"], self.world["pools"][0], self.world["owners"][0]
        assert pool["free"] == (owners == 0).sum(), "a block is neither free nor owned, or both"
        kept = np.flatnonzero(requests["kept"])
        assert not requests["last_turn"][kept].any(), "the last turn of a program keeps blocks"
        assert np.isfinite(requests["finish"][kept]).all(), "kept before its end"
        assert owners.sum() >= requests["child"][kept].sum(), "more blocks are kept than owned"
        idle = kept[requests["kept"][kept] == 1]
        assert (requests["rank"][idle] > self.now[0]).all(), "kept although its time is over and nobody waits for it"
        followers = requests["follower"][kept]
        assert (followers >= 0).all(), "kept for nobody"
        assert np.isnan(requests["start"][followers]).all(), "kept although the next turn has its seat"
        self.kept.append(len(kept))


@some
@given(seed=seeds, ttl=ttls)
def test_kept_blocks_are_owned_and_go_when_the_next_turn_sits_or_the_time_is_over(seed: int, ttl: float) -> None:
    inspector = Inspector()
    slots = slots_of(seed) | {"budget": inspector, "cost": inspector, "retain": FixedTtl(ttl)}
    serve(programs(seed), **slots)
    assert inspector.kept


def test_the_inspected_workloads_do_keep_blocks() -> None:
    inspector = Inspector()
    for seed in range(5):
        serve(programs(seed), **slots_of(seed), budget=inspector, cost=inspector, retain=FixedTtl(2.0))
    assert np.count_nonzero(inspector.kept) > 50


@some
@given(seed=seeds, ttl=ttls)
def test_every_program_ends_however_little_memory_is_left_beside_kept_blocks(seed: int, ttl: float) -> None:
    run = serve(programs(seed), **slots_of(seed) | {"kv_tokens": TIGHT * BLOCK}, retain=FixedTtl(ttl))
    assert np.isfinite(run.requests["finish"]).all()
    assert not run.requests["kept"].any()
    assert run.pools["free"][0] == run.blocks


@pytest.mark.parametrize("name", retentions.names())
@few
@given(seed=seeds)
def test_under_every_retention_blocks_are_free_or_owned_and_every_program_ends_with_a_block_to_spare(
    name: str, seed: int
) -> None:
    inspector = Inspector()
    tight = {"budget": inspector, "cost": inspector, "evict": LatestProgram(), "kv_tokens": TIGHT * BLOCK}
    run = serve(programs(seed), **slots_of(seed) | tight, retain=retentions[name]())
    assert np.isfinite(run.requests["finish"]).all()
    assert not run.requests["kept"].any()
    assert run.pools["free"][0] == run.blocks


@pytest.mark.parametrize("name", retentions.names())
@few
@given(seed=seeds)
def test_under_every_retention_skipping_ahead_equals_going_step_by_step(name: str, seed: int) -> None:
    slots = slots_of(seed) | {"retain": retentions[name](), "cost": Linear(0.0101, 0.000117)}
    fast, slow = serve(programs(seed), **slots), serve(programs(seed), step=True, **slots)
    for column in ("arrival", "start", "first_token", "finish"):
        np.testing.assert_allclose(fast.requests[column], slow.requests[column], rtol=1e-9, err_msg=column)


@dataclass(frozen=True, slots=True, eq=False)
class Diary:
    """A retention that writes down what it is told."""

    told: list[tuple[str, int, float]] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)

    def learn(self, now: float, request: int, requests: Any, memory: Floats) -> None:
        own = requests[request]
        what = "ends" if np.isfinite(own["finish"]) else "starts" if np.isfinite(own["start"]) else "comes"
        kept = own["parent"] >= 0 and requests[own["parent"]]["kept"]
        self.told.append((what, request, now))
        self.requests.append((int(kept), float(own["began"])))

    def seconds(self, now: float, request: int, requests: Any, memory: Floats) -> float:
        assert self.told[-1] == ("ends", request, now), "it hears of the end before it is asked"
        return 0.5


@few
@given(seed=seeds)
def test_a_retention_hears_of_every_request_as_it_comes_starts_and_ends(seed: int) -> None:
    diary, trace = Diary(), programs(seed)
    run = serve(trace, **slots_of(seed), retain=diary)
    heard = {(what, request): now for what, request, now in diary.told}
    assert len(heard) == len(diary.told) == 3 * len(trace)
    for what, column in (("comes", "arrival"), ("starts", "start"), ("ends", "finish")):
        assert [heard[what, i] for i in range(len(trace))] == run.requests[column].tolist()
    root = np.arange(len(trace))
    for i in np.flatnonzero(run.requests["parent"] >= 0):
        root[i] = root[run.requests["parent"][i]]
    for (_, request, _), (_, began) in zip(diary.told, diary.requests, strict=True):
        assert began == run.requests["arrival"][root[request]]


def test_a_turn_that_starts_still_sees_that_its_blocks_were_kept() -> None:
    diary = Diary()
    for seed in range(5):
        serve(programs(seed), **slots_of(seed), retain=diary)
    kept = [at for (what, _, _), (at, _) in zip(diary.told, diary.requests, strict=True) if what == "starts"]
    assert {0, 2} <= set(kept)


def test_a_retention_with_one_compiled_verb_and_one_plain_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"one of Halved\.seconds and \.learn is a static method"):
        serve(programs(0), retain=Halved())


@dataclass(frozen=True, slots=True)
class Halved:
    @staticmethod
    def seconds(now: float, request: int, requests: Any, memory: Floats) -> float:
        return 1.0

    def learn(self, now: float, request: int, requests: Any, memory: Floats) -> None:
        raise AssertionError("never called")


@some
@given(seed=seeds)
def test_keeping_for_no_time_is_keeping_nothing_to_the_last_bit(seed: int) -> None:
    one = serve(programs(seed), **slots_of(seed), retain=FixedTtl(0.0))
    other = serve(programs(seed), **slots_of(seed), retain=Never())
    assert one.tokens.tobytes() == other.tokens.tobytes()
    assert one.log.tobytes() == other.log.tobytes()
    for name in ("arrival", "start", "first_token", "finish", "worst_gap", "cached", "preemptions"):
        assert one.requests[name].tobytes() == other.requests[name].tobytes(), name


@some
@given(seed=seeds, ttl=ttls, replicas=st.sampled_from([1, 3]))
def test_skipping_ahead_equals_going_step_by_step_while_blocks_stay(seed: int, ttl: float, replicas: int) -> None:
    slots = slots_of(seed) | {"retain": FixedTtl(ttl), "replicas": replicas, "cost": Linear(0.0101, 0.000117)}
    fast, slow = serve(programs(seed), **slots), serve(programs(seed), step=True, **slots)
    for name in ("arrival", "start", "first_token", "finish"):
        np.testing.assert_allclose(fast.requests[name], slow.requests[name], rtol=1e-9, err_msg=name)
    for name in ("cached", "preemptions", "replica"):
        assert np.array_equal(fast.requests[name], slow.requests[name]), name


@pytest.mark.parametrize(("ttl", "cached"), [(0.0, 0), (2.0, 32)])
def test_a_turn_finds_its_blocks_if_they_stay_longer_than_its_pause(ttl: float, cached: int) -> None:
    """A program pauses for a second; two others fill the memory meanwhile, beside its two blocks or over them."""
    trace = Trace(
        arrival=np.array([0.0, 0.3, 0.8, 0.8]),
        prompt=np.array([20, 130, 130, 40]),
        output=np.array([13, 20, 20, 1]),
        session=np.array([0, 1, 2, 0]),
        after=np.array([-1, -1, -1, 0]),
        pause=np.array([0.0, 0.0, 0.0, 1.0]),
    )
    run = serve(trace, kv_tokens=13 * BLOCK, max_model_len=150, retain=FixedTtl(ttl))
    assert run.requests["cached"].tolist() == [0, 0, 0, cached]


def test_who_waits_for_kept_blocks_starts_in_the_pass_after_their_next_turn_went_to_another_replica() -> None:
    """Requests 0, 2 and 4 go to the first replica: 0 keeps 3 of 12 blocks, 2 decodes, 4 waits for 8; 5 is 0's next."""
    trace = Trace(
        arrival=np.array([0.0, 0.1, 0.5, 0.5, 0.6, 0.6]),
        prompt=np.array([40, 5, 20, 5, 120, 60]),
        output=np.array([9, 1, 60, 1, 5, 1]),
        session=np.array([0, 1, 2, 3, 4, 0]),
        after=np.array([-1, -1, -1, -1, -1, 0]),
        pause=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.6]),
    )
    slots = {"kv_tokens": 13 * BLOCK, "max_model_len": LONGEST, "replicas": 2, "retain": FixedTtl(60.0)}
    fast, slow = (serve(trace, step=step, **slots).requests for step in (False, True))
    assert fast["replica"].tolist() == [0, 1, 0, 1, 0, 1]
    assert fast["arrival"][5] < fast["start"][4] < fast["arrival"][5] + 0.02, "a pass takes little more than 10 ms"
    assert fast["finish"] == pytest.approx(slow["finish"], rel=1e-9)
