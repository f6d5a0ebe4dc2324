"""The exams of the serving rooms: what a router, order, budget, admission, victim, retention or engine promises.

Each takes an object, serves small workloads that press against memory and seats, and raises `AssertionError` with a
sentence that says which promise is broken. A compiled verb is also run as plain Python and must decide alike.

>>> from evenly.serve.routers.power_of_d import PowerOfD
>>> check_router(PowerOfD(d=3))
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Trace
from evenly.hardware.costs.linear import Linear
from evenly.kernel.bridge import is_compiled, memory_of
from evenly.serve.admissions import Admission
from evenly.serve.budgets import Budget
from evenly.serve.engines import Engine, Rules
from evenly.serve.engines.vllm_v0_chunked import VllmV0Chunked
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders import Order
from evenly.serve.retentions import Retention
from evenly.serve.routers import Router
from evenly.serve.scenario import ServeScenario
from evenly.serve.victims import Victim
from evenly.serve.victims.last import Last

BLOCK = 16
LONGEST = 400  # tokens of a request in the workloads at most
PASSES = 100_000  # rows of the pass log that are kept: more than any workload here needs


@dataclass(frozen=True, slots=True)
class _Given:
    """A source for scenarios whose trace is handed over."""

    def draw(self, seed: int) -> Trace:
        raise AssertionError("the trace is given")


@dataclass(frozen=True, slots=True, eq=False)
class _Plain:
    """A compiled policy as plain Python: the same function, called on arrays whose records know their fields."""

    policy: Any
    verb: str

    def memory(self, seed: int, replicas: int) -> Floats:
        return memory_of(self.policy, seed, replicas)

    def _call(self, *values: Any) -> Any:
        seen = [v.view(np.recarray) if isinstance(v, np.ndarray) and v.dtype.names else v for v in values]
        with np.errstate(over="ignore"):  # hashes wrap around
            return getattr(type(self.policy), self.verb)(*seen)

    def _ask(self, *values: Any) -> Any:
        return self._call(*values) if is_compiled(self.policy, self.verb) else getattr(self.policy, self.verb)(*values)

    choose = rank = tokens = admit = score = seconds = _call


@dataclass(frozen=True, slots=True, eq=False)
class _Watched(_Plain):
    """A policy as plain Python that also notes which promises it breaks."""

    broken: list[str] = field(default_factory=list)
    ranks: dict[int, float] = field(default_factory=dict)

    def rank(
        self, now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats
    ) -> float:  # asked again, with `sequence` 0, when the request heads the queue
        before = flows.copy()
        rank = float(self._ask(now, sequence, request, requests, flows, memory))
        before["credit"] = flows["credit"]
        if before.tobytes() != flows.tobytes():
            self.broken.append("it writes a column of flows other than credit")
        if math.isnan(rank):
            self.broken.append(f"the rank of request {request} is not a number")
        if sequence == 0 and rank < self.ranks[request]:
            self.broken.append(f"request {request} waits, and its rank falls from {self.ranks[request]} to {rank}")
        if sequence == 0 and rank != self._ask(now, sequence, request, requests, flows, memory):
            self.broken.append(f"request {request} has another rank when asked twice")
        self.ranks[request] = rank
        return rank

    def seconds(self, now: float, request: int, requests: Array, memory: Floats) -> float:
        seconds = float(self._ask(now, request, requests, memory))
        if not seconds >= 0.0:
            self.broken.append(f"the blocks of request {request} stay for {seconds} seconds")
        return seconds


def workload(seed: int, count: int) -> Trace:
    """Return requests of several users and urgencies, some of which continue a conversation.

    >>> len(workload(1, 40))
    40
    """
    chance = np.random.default_rng(seed)
    prompt = chance.integers(1, LONGEST // 2, count)
    output = chance.integers(1, 60, count)
    session = np.arange(count) % max(1, count // 2)
    after = np.where(np.arange(count) >= max(1, count // 2), np.arange(count) - max(1, count // 2), -1)
    for later in np.flatnonzero(after >= 0):
        prompt[later] = min(LONGEST - 60, prompt[after[later]] + output[after[later]] + int(chance.integers(0, 9)))
    return Trace(
        arrival=np.cumsum(chance.exponential(0.02, count)),
        prompt=prompt,
        output=output,
        user=chance.integers(0, 3, count),
        priority=chance.integers(0, 3, count),
        session=session,
        after=after,
        pause=np.where(after >= 0, chance.choice([0.0, 0.3], count) * chance.exponential(1.0, count), 0.0),
    )


def serve(trace: Trace, step: bool = False, **slots: Any) -> Any:
    """Serve a trace with the given slots of a scenario; return the kernel's run.

    >>> serve(workload(1, 5)).requests["replica"].tolist()
    [0, 0, 0, 0, 0]
    """
    return _scenario(slots).simulate(trace=trace, record_tokens=True, record_passes=PASSES, step=step)


def _scenario(slots: dict[str, Any]) -> ServeScenario:
    given: dict[str, Any] = {"cost": Linear(0.01, 0.0001), "kv_tokens": 70 * BLOCK, "max_model_len": LONGEST} | slots
    return ServeScenario(trace=_Given(), **given)


def check_router(router: Router) -> None:
    """Every request goes to one replica that exists, whatever their number; nothing is lost."""
    for replicas in (1, 3, 8):
        run = _served({"route": router, "replicas": replicas})
        home = run.requests["replica"]
        assert np.all((home >= 0) & (home < replicas)), f"{router}: a request went to no replica"
        assert np.bincount(home, minlength=replicas).sum() == len(home)
    _alike("route", router, "choose", {"replicas": 3})


def check_order(order: Order) -> None:
    """Whatever the order, everybody is served in the end.

    One that counts service writes nothing but its credit, and the rank of a request that waits never falls.
    """
    few = {"engine": VllmV1(max_num_seqs=4)}
    _served({"order": order} | few)
    _keeps_its_word("order", order, "rank", few)
    _skips(order, {"order": order} | few)
    roomy = {"kv_tokens": 1000 * BLOCK}  # nobody is preempted: a preempted request has a rule of its own
    _alike("order", order, "rank", few | roomy)


def check_budget(budget: Budget) -> None:
    """No pass computes more than the budget, decodes apart, and everybody is served."""
    run = _served({"budget": budget})
    limits = _asked(budget)
    most = (run.log[:, 4] + run.log[:, 5]).max()
    assert min(limits) >= 1, f"{budget}: a pass of {min(limits)} tokens computes nothing"
    assert most <= max(max(limits), run.log[:, 4].max()), f"{budget}: a pass of {most} tokens"
    _alike("budget", budget, "tokens", {})


def check_admission(admission: Admission) -> None:
    """An admission holds requests back but lets everybody in some time."""
    for engine in (VllmV1(), VllmV0Chunked()):
        _served({"admit": admission, "engine": engine})
    _alike("admit", admission, "admit", {})


def check_victim(victim: Victim) -> None:
    """Whoever gives way comes back: all are served, all blocks are free in the end."""
    tight = {"evict": victim, "kv_tokens": 30 * BLOCK}
    run = _served(tight)
    assert run.requests["preemptions"].sum() > 0, "the workload does not press: no victim was asked for"
    if not isinstance(victim, Last):  # the kernel takes the last of the line without asking
        _alike("evict", victim, "score", {"kv_tokens": 30 * BLOCK})


def check_retention(retention: Retention) -> None:
    """Blocks stay for a number of seconds, and however short memory is, every program goes on and all come back."""
    for blocks in (30, 70):
        slots = {"kv_tokens": blocks * BLOCK}
        _served({"retain": retention} | slots)
        _keeps_its_word("retain", _settled(retention, slots), "seconds", slots)
        _skips(retention, {"retain": retention} | slots)
    _alike("retain", _settled(retention, {}), "seconds", {})


def _settled(retention: Retention, slots: dict[str, Any]) -> Retention:
    """Return a retention with what it derives from the scenario, which a stand-in for it could not."""
    scenario = _scenario({"retain": retention} | slots)
    return scenario.retention(scenario.fleet())


def check_engine(engine: Engine) -> None:
    """An engine keeps its seats and budget, computes each token once, and serves all that fit alone."""
    rules = engine.rules(LONGEST)
    assert isinstance(rules, Rules), f"{engine}: rules returns {type(rules).__name__}"
    assert rules == engine.rules(LONGEST), f"{engine}: other rules when asked again"
    for blocks in (30, 70, 1000):
        slots = {"engine": engine, "kv_tokens": (blocks * BLOCK // rules.block + rules.null_blocks + 1) * rules.block}
        run = _served(slots)
        tokens = run.log[:, 5] + run.log[:, 4]
        assert run.log[:, 4].max() <= rules.seats, f"{engine}: more decodes than seats"
        assert np.all(tokens[run.log[:, 5] > 0] <= rules.budget), f"{engine}: a pass beyond its budget"
        _conserves(engine, run)
        _skips(engine, slots)


def _served(slots: dict[str, Any]) -> Any:
    """Serve a workload, one request, and none; return the run of the workload."""
    for trace in (workload(1, 1), workload(1, 0), workload(2, 40)):
        run = serve(trace, **slots)
        finish = run.requests["finish"]
        assert np.isfinite(finish).all(), f"{slots}: {int(np.isnan(finish).sum())} of {len(trace)} were never served"
        assert np.all(run.requests["first_token"] <= finish), f"{slots}: ended before its first token"
        assert np.all(run.pools["free"] == run.blocks), f"{slots}: blocks are lost"
    again = serve(workload(2, 40), **slots)
    _equal(run, again, f"{slots}: the same seed gives another answer")
    return run


def _alike(slot: str, policy: Any, verb: str, slots: dict[str, Any]) -> None:
    """Compare a compiled verb with the same function as plain Python."""
    if not is_compiled(policy, verb):
        return
    plain = _dressed(_Plain, policy, verb)
    fast = serve(workload(3, 30), **slots, **{slot: policy})
    slow = serve(workload(3, 30), **slots, **{slot: plain})
    _equal(fast, slow, f"{policy}: compiled and plain Python decide differently")


def _dressed(kind: type[_Plain], policy: Any, verb: str) -> Any:
    """Return a stand-in for a policy that is marked as the policy is, and learns if the policy does."""
    names = ("reads_cache", "counts")
    marks = {name: getattr(type(policy), name) for name in names if hasattr(type(policy), name)}
    if hasattr(type(policy), "learn"):
        marks["learn"] = lambda self, *values: kind(self.policy, "learn")._ask(*values)
    return type("Plain", (kind,), marks)(policy, verb)


def _keeps_its_word(slot: str, policy: Any, verb: str, slots: dict[str, Any]) -> None:
    """Assert that a policy broke no promise of its room while it decided."""
    watched = _dressed(_Watched, policy, verb)
    serve(workload(5, 40), **slots, **{slot: watched})
    assert not watched.broken, f"{policy}: {watched.broken[0]}"


def _equal(one: Any, other: Any, message: str) -> None:
    for name in ("replica", "start", "first_token", "finish", "preemptions", "cached"):
        assert np.array_equal(one.requests[name], other.requests[name], equal_nan=True), f"{message} ({name})"


def _asked(budget: Any) -> list[int]:
    """Return what a budget says for batches of several sizes."""
    memory = memory_of(budget, 0, 1)
    tokens: Callable[..., int] = type(budget).tokens if is_compiled(budget, "tokens") else budget.tokens
    return [int(tokens(1.0, decodes, decodes * 100, memory)) for decodes in (0, 1, 7, 40)]


def _conserves(engine: Engine, run: Any) -> None:
    """Assert that prompts and outputs are computed once, save what was cached or lost to a preemption."""
    requests = run.requests
    owed = int((requests["prompt"] + requests["output"] - 1).sum() - requests["cached"].sum())
    computed = int(run.pools["computed"].sum() - run.pools["recomputed"].sum())
    assert computed == owed, f"{engine}: {computed} tokens computed, {owed} owed"
    assert run.pools["steps"].sum() == run.log[:, 3].sum()


def _skips(policy: object, slots: dict[str, Any]) -> None:
    """Assert that skipping ahead over equal passes changes nothing."""
    trace = replace(workload(4, 30), prefixes=None)
    fast, slow = serve(trace, **slots), serve(trace, step=True, **slots)
    for name in ("start", "first_token", "finish", "worst_gap"):
        same = np.allclose(fast.requests[name], slow.requests[name], rtol=1e-9, atol=1e-12, equal_nan=True)
        assert same, f"{policy}: skipping ahead changes {name}"
    assert np.array_equal(fast.requests["preemptions"], slow.requests["preemptions"])
