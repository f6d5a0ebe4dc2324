"""The adapter's scheduler behind the face of the twin, under the same policies as a simulated engine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from vllm.sampling_params import SamplingParams
from vllm.v1.request import Request

from evenly.core import Document, Trace
from evenly.core.programs import turns
from evenly.hosts.vllm import Scheduler
from evenly.hosts.vllm.settings import Settings
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.scenario import ServeScenario
from tests.hosts.vllm.schedule.scheduler import Blocks, Vllm, scheduler_of
from tests.serve.twin.engine import serve
from tests.serve.twin.jobs import Job, Pass, Setup
from tests.serve.twin.kernel import Diary, Silence, price

BLOCK = 16
STEPS = 20_000  # rows of the pass log: more than any workload here has


class Watched(Scheduler):
    """The adapter's scheduler on a virtual clock, which also tells in which order it preempts."""

    time = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.clock = lambda: self.time
        super().__init__(*args, **kwargs)
        self.preempted: list[Request] = []

    def _preempt_request(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.preempted.append(request)
        super()._preempt_request(request, *args, **kwargs)


class Adapter(Vllm):
    """The engine that serves a trace under policies, as plain values by slot."""

    def __init__(self, setup: Setup, trace: Trace, policies: Mapping[str, Any]) -> None:
        self.policies, self.trace = policies, trace
        self.turn, self.last_turn = turns(trace)
        super().__init__(setup, apart=False)
        self.pool = Kept(self.scheduler)

    def made(self) -> Any:
        return scheduler_of(self.setup, Watched, {"evenly": dict(self.policies)})

    def extra(self, job: Job) -> dict[str, Any]:
        told: dict[str, Any] = {"evenly_turn": int(self.turn[job.index])}
        told["evenly_last_turn"] = int(self.last_turn[job.index])
        for hint, column in (("user", self.trace.user), ("program", self.trace.session), ("tool", self.trace.tool)):
            if column is not None and column[job.index] >= 0:
                told[f"evenly_{hint}"] = str(column[job.index])
        if self.trace.deadline is not None:
            told["evenly_deadline"] = float(self.trace.deadline[job.index])
        return told

    def arrive(self, job: Job) -> None:
        self.scheduler.time = job.arrival
        super().arrive(job)

    def compose(self, now: float, batch: Pass) -> None:
        self.scheduler.time = now
        super().compose(now, batch)

    def close(self, batch: Pass, end: float) -> list[Job]:
        self.scheduler.time = end
        return super().close(batch, end)


class Kept(Blocks):
    """The block pool where paused programs may keep blocks."""

    def held(self) -> Counter[int]:
        found = super().held()
        keeper = self.scheduler._keeper
        for kept in keeper._kept.values() if keeper is not None else ():
            found.update(block.block_id for block in kept.blocks)
        return found


def waiting(setup: Setup, policies: Mapping[str, Any], jobs: Sequence[Job]) -> Any:
    """Return the scheduler's queue when all these requests came and none started."""
    scheduler = scheduler_of(setup, Watched, {"evenly": dict(policies)})
    for job in jobs:
        sampling = SamplingParams(max_tokens=job.output, ignore_eos=True)
        scheduler.add_request(
            Request(str(job.index), list(range(job.prompt)), sampling, None, arrival_time=job.arrival)
        )
    return scheduler.waiting


def workload(seed: int) -> tuple[Setup, Trace]:
    """Return an engine with little memory and requests of several users, programs and urgencies."""
    chance = np.random.default_rng(seed)
    count = int(chance.integers(12, 40))
    first = max(1, count // int(chance.choice([1, 2, 4])))
    prompt, output = chance.integers(1, 120, count), chance.integers(1, 40, count)
    program = np.arange(count) % first
    after = np.where(np.arange(count) >= first, np.arange(count) - first, -1)
    for later in np.flatnonzero(after >= 0):
        prompt[later] = prompt[after[later]] + output[after[later]] + int(chance.integers(0, 20))
    user = program % 3
    trace = Trace(
        arrival=np.cumsum(chance.exponential(float(chance.choice([0.005, 0.03])), count)),
        prompt=prompt,
        output=output,
        user=user,
        priority=chance.integers(0, 3, count),
        session=program,
        after=after,
        pause=np.where(after >= 0, chance.choice([0.0, 0.05, 0.6], count), 0.0),
        tool=np.where(after >= 0, chance.integers(0, 3, count), -1),
        deadline=chance.choice([0.3, 1.0, np.inf], count),
    )
    most = int((prompt + output).max())
    alone = -(-most // BLOCK)
    setup = Setup(
        engine="vllm-v1",
        release="0.32",
        block=BLOCK,
        blocks=2 + int(alone * chance.choice([1.2, 2.0, 5.0])),
        longest=most + 1,
        seats=int(chance.choice([2, 5, 16])),
        budget=int(chance.choice([16, 48, 200])),
        cache=bool(chance.random() < 0.8),
        whole=bool(chance.random() < 0.8),
    )
    return setup, trace


def jobs_of(trace: Trace) -> list[Job]:
    """Return the requests of a trace as the harness serves them."""
    assert trace.after is not None
    assert trace.pause is not None
    assert trace.session is not None
    assert trace.priority is not None
    return [
        Job(
            index=i,
            arrival=float(trace.arrival[i]),
            prompt=int(trace.prompt[i]),
            output=int(trace.output[i]),
            priority=int(trace.priority[i]),
            after=int(trace.after[i]),
            pause=float(trace.pause[i]),
            session=int(trace.session[i]),
        )
        for i in range(len(trace))
    ]


def served(setup: Setup, trace: Trace, policies: Mapping[str, Any]) -> tuple[Adapter, list[Job], list[Pass]]:
    """Serve a trace with the adapter in vLLM's scheduler."""
    jobs = jobs_of(trace)
    engine = Adapter(setup, trace, policies)
    return engine, jobs, serve(engine, jobs, price)


def simulated(setup: Setup, trace: Trace, policies: Mapping[str, Any]) -> Any:
    """Serve a trace in the simulator; return its run."""
    chosen = Document(dict(policies)).structure(Settings)
    engine = VllmV1(
        max_num_batched_tokens=setup.budget,
        max_num_seqs=setup.seats,
        enable_prefix_caching=setup.cache,
        scheduler_reserve_full_isl=setup.whole,
        block_size=setup.block,
    )
    scenario = ServeScenario(
        trace=Silence(),
        engine=engine,
        order=chosen.order,
        budget=chosen.budget,
        admit=chosen.admit,
        evict=chosen.evict,
        retain=chosen.retain,
        cost=Diary(),
        kv_tokens=setup.blocks * setup.block,
        max_model_len=setup.longest,
    )
    return scenario.simulate(trace=trace, record_tokens=True, record_passes=STEPS, step=True)


def disagreement(seed: int, policies: Mapping[str, Any]) -> str:
    """Serve one random workload in both hosts; return the first difference, or nothing."""
    setup, trace = workload(seed)
    run = simulated(setup, trace, policies)
    _, jobs, passes = served(setup, trace, policies)
    ends = np.concatenate(([0], np.cumsum(trace.output)))
    log = run.log
    for k, batch in enumerate(passes):
        if k >= len(log):
            return f"seed {seed}: {len(passes)} passes, simulated {len(log)}"
        ours = (log[k, 1], int(log[k, 4]), int(log[k, 5]))
        theirs = (batch.start, batch.decodes, sum(count for count, _ in batch.chunks))
        if abs(ours[0] - theirs[0]) > 1e-9 or ours[1:] != theirs[1:]:
            return f"seed {seed}, pass {k}: (start, decodes, prompt tokens) {theirs}, simulated {ours}"
    for job in jobs:
        times = run.tokens[ends[job.index] : ends[job.index + 1]]
        if len(job.times) != len(times) or not np.allclose(job.times, times, rtol=0, atol=1e-9):
            return f"seed {seed}, request {job.index}: tokens at {job.times[:5]}, simulated {times[:5]}"
        found = (job.preemptions, job.cached or 0)
        told = (int(run.requests["preemptions"][job.index]), int(run.requests["cached"][job.index]))
        if found != told:
            return f"seed {seed}, request {job.index}: (preemptions, cached) {found}, simulated {told}"
    return ""
