from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from evenly.core import Array, Floats, Ints, Trace
from evenly.core.trace import Prefixes
from evenly.kernel.serving.simulation import gap_edges
from evenly.serve.admissions import admissions
from evenly.serve.engines import engines
from evenly.serve.orders import orders
from evenly.serve.routers import routers
from evenly.serve.victims import victims
from tests.kernel.workload import Affine, random_trace, serve

TIMES = ("start", "first_token", "finish", "worst_gap")


@pytest.mark.parametrize("engine", list(engines))
@pytest.mark.parametrize("blocks", [120, 400, 4000])
def test_skipping_ahead_equals_going_step_by_step(engine: str, blocks: int) -> None:
    trace = random_trace(3, 300, 3.0)
    fast = serve(trace, engine, blocks, replicas=2, longest=1300)
    slow = serve(trace, engine, blocks, replicas=2, longest=1300, step=1)
    for name in TIMES:
        np.testing.assert_allclose(fast.requests[name], slow.requests[name], rtol=1e-9, atol=1e-12, err_msg=name)
    for name in ("preemptions", "cached", "replica"):
        np.testing.assert_array_equal(fast.requests[name], slow.requests[name])
    assert fast.pools["steps"].sum() == slow.pools["steps"].sum()
    assert fast.gap_count == slow.gap_count
    np.testing.assert_allclose(fast.bins.sum(axis=1), slow.bins.sum(axis=1), rtol=1e-2)


@pytest.mark.parametrize("engine", list(engines))
@pytest.mark.parametrize("blocks", [120, 4000])
def test_recorded_token_times_give_the_same_gaps_and_worst_gaps(engine: str, blocks: int) -> None:
    trace = random_trace(5, 200, 3.0)
    run = serve(trace, engine, blocks, longest=1300, record_tokens=True)
    ends = np.cumsum(trace.output)
    done = ~np.isnan(run.requests["finish"])
    gaps = []
    for i in np.flatnonzero(done):
        times = run.tokens[ends[i] - trace.output[i] : ends[i]]
        assert times[0] == run.requests["first_token"][i]
        assert times[-1] == pytest.approx(run.requests["finish"][i], rel=1e-12)
        own = np.diff(times)
        assert np.all(own > 0)
        gaps.append(own)
        assert run.requests["worst_gap"][i] == pytest.approx(own.max(initial=0.0), rel=1e-9, abs=1e-9)
    every = np.concatenate(gaps)
    assert run.gap_count == len(every)
    assert run.gap_sum == pytest.approx(every.sum(), rel=1e-9)
    edges = gap_edges()
    exact = np.histogram(every, np.append(edges, np.inf))[0]
    moved = np.abs(np.cumsum(exact) - np.cumsum(run.gaps)).max()  # rounding may carry a gap over an edge
    assert moved <= 0.001 * len(every) + 1


@pytest.mark.parametrize("engine", list(engines))
def test_every_token_is_computed_once_and_all_blocks_come_back(engine: str) -> None:
    trace = random_trace(11, 250, 4.0)
    run = serve(trace, engine, blocks=150, longest=1300)
    done = ~np.isnan(run.requests["finish"])
    owed = (trace.prompt + trace.output - 1)[done].sum()
    assert run.pools["computed"].sum() - run.pools["recomputed"].sum() == owed - run.requests["cached"].sum()
    assert np.all(run.pools["free"] == 150)
    assert np.all(run.pools["seated"] == 0)
    assert np.all(run.pools["waiting"] == -1)


def test_prefix_hits_of_a_large_cache_are_the_ideal_ones() -> None:
    chance = np.random.default_rng(2)
    ids, offsets, seen, ideal = [], [0], set(), 0
    prompts = []
    for i in range(400):
        shared = int(chance.integers(0, 6))
        own = [(family := int(chance.integers(0, 9))) * 100 + k for k in range(shared)]
        own += [100_000 + i * 100 + k for k in range(int(chance.integers(1, 5)))]
        assert family >= 0 or own
        ids += own
        offsets.append(len(ids))
        prompts.append(len(own) * 64)
        if i:
            hit = 0
            while hit < len(own) and own[hit] in seen:
                hit += 1
            ideal += min(hit * 64, (prompts[-1] - 1) // 16 * 16)
        seen.update(own)
    trace = Trace(
        arrival=np.arange(400.0) * 10,
        prompt=np.array(prompts),
        output=np.full(400, 3),
        prefixes=Prefixes(np.array(offsets), np.array(ids), 64),
    )
    run = serve(trace, blocks=50_000)
    assert run.requests["cached"].sum() == ideal


@dataclass(frozen=True, slots=True)
class PythonLeastRequests:
    def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        return int((fleet["waiting"] + fleet["running"]).argmin())


@dataclass(frozen=True, slots=True)
class Failing:
    def choose(self, now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        raise ZeroDivisionError("my policy is wrong")


def test_a_python_policy_decides_as_its_compiled_twin() -> None:
    from evenly.serve.routers.least_requests import LeastRequests

    trace = random_trace(1, 300, 9.0)
    plain = serve(trace, replicas=3, route=PythonLeastRequests())
    fast = serve(trace, replicas=3, route=LeastRequests())
    np.testing.assert_array_equal(plain.requests["replica"], fast.requests["replica"])
    np.testing.assert_array_equal(plain.requests["finish"], fast.requests["finish"])


def test_an_exception_in_a_python_policy_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError, match="my policy is wrong"):
        serve(random_trace(1, 10, 9.0), route=Failing())


def test_followers_arrive_after_the_end_of_their_predecessor_plus_the_pause() -> None:
    trace = Trace(
        arrival=np.array([0.0, 1.0, 2.0]),
        prompt=np.array([50, 80, 130]),
        output=np.array([5, 7, 9]),
        session=np.array([0, 0, 0]),
        after=np.array([-1, 0, 1]),
        pause=np.array([0.0, 2.5, 0.0]),
    )
    requests: Any = serve(trace).requests
    assert requests["arrival"][1] == pytest.approx(requests["finish"][0] + 2.5)
    assert requests["arrival"][2] == requests["finish"][1]
    assert requests["cached"].tolist() == [0, 48, 80]  # the history, whole blocks: 54 and 86 tokens were computed


def test_an_urgent_head_of_the_queue_preempts_the_least_urgent_under_v0() -> None:
    from evenly.serve.orders.priority import Priority
    from evenly.serve.victims.least_urgent import LeastUrgent

    trace = Trace(
        arrival=np.array([0.0, 0.0, 0.05]),
        prompt=np.array([64, 64, 64]),
        output=np.array([60, 60, 5]),
        priority=np.array([1, 2, 0]),
    )
    choice: dict[str, Any] = {"order": Priority(), "evict": LeastUrgent(), "by_rank": 1, "front": 0, "watermark": 0}
    polite: Any = serve(trace, "vllm-v0", blocks=10, longest=200, usurp=0, **choice).requests
    urgent: Any = serve(trace, "vllm-v0", blocks=10, longest=200, usurp=1, **choice).requests
    assert urgent["preemptions"][0] == 0 < urgent["preemptions"][1]
    assert urgent["first_token"][2] < 0.1 < polite["first_token"][2]


def test_swap_space_that_overflows_is_an_error_that_names_the_need() -> None:
    trace = random_trace(2, 60, 50.0, prompt=60, output=300)
    with pytest.raises(ValueError, match="swap space of 3 blocks is too small") as caught:
        serve(trace, "vllm-v0", blocks=90, longest=700, victims=1, host_blocks=3)
    need = int(str(caught.value).split("small: ")[1].split()[0])
    serve(trace, "vllm-v0", blocks=90, longest=700, victims=1, host_blocks=need)
    with pytest.raises(ValueError, match=f"small: {need} blocks"):
        serve(trace, "vllm-v0", blocks=90, longest=700, victims=1, host_blocks=need - 1)


def test_swapped_requests_keep_their_tokens() -> None:
    trace = random_trace(2, 60, 50.0, prompt=60, output=300)
    swap = serve(trace, "vllm-v0", blocks=90, longest=700, victims=1)
    assert swap.requests["preemptions"].sum() > 0
    assert swap.pools["recomputed"].sum() == 0
    assert np.all(swap.pools["host"] == 100_000)


@dataclass(frozen=True, slots=True)
class NotCompilable:
    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        return len({}) + sorted(fleet, key=lambda replica: replica.waiting)[0]  # type: ignore[no-any-return]


def test_a_policy_that_does_not_compile_is_named_with_its_line_and_a_remedy() -> None:
    with pytest.raises(ValueError, match=r"test_serving.py:\d+: NotCompilable.choose does not compile.*self"):
        serve(random_trace(1, 10, 9.0), route=NotCompilable())


@pytest.mark.parametrize("router", list(routers))
def test_every_router_sends_every_request_to_a_replica(router: str) -> None:
    trace = random_trace(4, 200, 9.0)
    run = serve(trace, replicas=3, route=routers[router]())
    assert set(np.unique(run.requests["replica"])) <= {0, 1, 2}
    assert np.isfinite(run.requests["finish"]).all()


@pytest.mark.parametrize("order", list(orders))
def test_every_order_serves_everybody(order: str) -> None:
    assert np.isfinite(serve(random_trace(4, 200, 9.0), order=orders[order](), front=0).requests["finish"]).all()


@pytest.mark.parametrize("victim", list(victims))
@pytest.mark.parametrize("engine", ["vllm-v1", "vllm-v0", "sarathi", "vllm-v0-chunked"])
def test_every_victim_policy_ends_and_returns_all_blocks(victim: str, engine: str) -> None:
    run = serve(random_trace(4, 200, 9.0), engine, blocks=120, longest=1300, evict=victims[victim](), by_rank=1)
    assert run.requests["preemptions"].sum() > 0
    assert np.all(run.pools["free"] == 120)


@pytest.mark.parametrize("admission", list(admissions))
def test_every_admission_lets_everybody_in_some_time(admission: str) -> None:
    run = serve(random_trace(4, 200, 9.0), blocks=200, longest=1800, admit=admissions[admission]())
    assert np.isfinite(run.requests["finish"]).all()


@dataclass(frozen=True, slots=True)
class PythonAffine:
    def seconds(
        self, chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        return Affine.seconds(chunk, before, decodes, resident, longest, tables)


def test_a_python_cost_model_gives_the_same_run_as_its_compiled_twin() -> None:
    trace = random_trace(6, 200, 9.0)
    plain = serve(trace, blocks=300, longest=1800, cost=PythonAffine())
    fast = serve(trace, blocks=300, longest=1800)
    np.testing.assert_array_equal(plain.requests["finish"], fast.requests["finish"])
