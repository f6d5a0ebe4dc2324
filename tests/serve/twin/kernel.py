"""Run the compiled kernel on the twin's jobs and write down the same things."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from evenly.core import Floats, Ints, Trace
from evenly.core.trace import Prefixes
from evenly.hardware.device import Device
from evenly.hardware.host_cache import HostCache
from evenly.hardware.model import Model, model
from evenly.serve.engines import Engine
from evenly.serve.engines.fastgen import Fastgen
from evenly.serve.engines.orca import Orca
from evenly.serve.engines.sarathi import Sarathi
from evenly.serve.engines.vllm_v0 import VllmV0
from evenly.serve.engines.vllm_v0_chunked import VllmV0Chunked
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.priority import Priority
from evenly.serve.retentions.fixed_ttl import FixedTtl
from evenly.serve.retentions.never import Never
from evenly.serve.scenario import SWAP_BANDWIDTH, ServeScenario
from evenly.serve.victims.last import Last
from evenly.serve.victims.least_urgent import LeastUrgent
from tests.serve.twin.jobs import Job, Setup

PRICES = (0.011, 5e-5, 1.3e-6, 1.7e-8, 1.1e-7)  # a pass, a token, a resident one, a pair in attention, of the longest
HEAD = len(PRICES)  # where the diary's size stands; its rows follow
FAR = 1 << 40
SLOW_LINK = 2.5e7  # bytes/s: to copy a block of 16 tokens takes as long as several passes


@dataclass(frozen=True, slots=True)
class Diary:
    """A cost that writes down what it is asked; the length of a pass depends on everything it is told."""

    pages: Floats = field(default_factory=lambda: np.concatenate((PRICES, np.zeros(300_000))))

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        return self.pages

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        at = 6 + int(tables[5])
        if at + 2 * len(chunk) + 4 > len(tables):  # full: the comparison will say that passes are missing
            return tables[0], 0.0, 1.0
        tables[at] = len(chunk)
        at += 1
        tokens = float(decodes)
        pairs = 0.0
        for k in range(len(chunk)):
            tables[at] = chunk[k]
            tables[at + 1] = before[k]
            at += 2
            tokens += chunk[k]
            pairs += chunk[k] * (before[k] + 0.5 * chunk[k])
        tables[at] = decodes
        tables[at + 1] = resident
        tables[at + 2] = longest
        tables[5] = at + 3 - 6
        first = tables[0] + tables[1] * tokens + tables[2] * resident + tables[3] * pairs + tables[4] * longest
        return first, 0.0, 1.0

    def facts(self) -> dict[str, str | int | float]:
        return {}

    def read(self, steps: int) -> list[tuple[tuple[tuple[int, int], ...], int, int, int]]:
        """Return (chunks with the tokens before them, decodes, resident, longest) of the last `steps` passes.

        Earlier rows are questions before the run, or a first attempt without block identities.
        """
        rows = []
        words = [int(word) for word in self.pages[HEAD + 1 : HEAD + 1 + int(self.pages[HEAD])]]
        at = 0
        while at < len(words):
            count = words[at]
            pairs = words[at + 1 : at + 1 + 2 * count]
            chunks = tuple(zip(pairs[::2], pairs[1::2], strict=True))
            at += 1 + 2 * count
            decodes, resident, longest = words[at : at + 3]
            rows.append((chunks, decodes, resident, longest))
            at += 3
        return rows[len(rows) - steps :]


def price(chunk: Sequence[int], before: Sequence[int], decodes: int, resident: int, longest: int) -> float:
    """Return what the diary charges."""
    fixed, token, context, pair, far = PRICES
    pairs = sum(count * (held + 0.5 * count) for count, held in zip(chunk, before, strict=True))
    return fixed + token * (sum(chunk) + decodes) + context * resident + pair * pairs + far * longest


@dataclass(frozen=True, slots=True)
class Silence:
    """A source that is never asked."""

    kind: ClassVar[str] = "silence"

    def draw(self, seed: int) -> Trace:
        raise AssertionError("the trace is given")


def trace_of(jobs: Sequence[Job]) -> Trace:
    """Return the jobs as a trace; `jobs` are in order of arrival."""
    after = np.array([job.after for job in jobs])
    session = np.array([job.session for job in jobs])
    prefixes = None
    if any(job.ids for job in jobs):
        sizes = [len(job.ids) for job in jobs]
        ids = np.array([one for job in jobs for one in job.ids], dtype=np.int64)
        prefixes = Prefixes(np.concatenate(([0], np.cumsum(sizes))), ids, jobs[0].id_block)
    return Trace(
        arrival=np.array([job.arrival for job in jobs]),
        prompt=np.array([job.prompt for job in jobs]),
        output=np.array([job.output for job in jobs]),
        priority=np.array([job.priority for job in jobs]),
        after=after if (after >= 0).any() else None,
        pause=np.array([job.pause for job in jobs]) if (after >= 0).any() else None,
        session=session if (session >= 0).any() else None,
        prefixes=prefixes,
        user=np.array([job.user for job in jobs]),
        deadline=np.array([job.deadline for job in jobs]),
    )


def engine_of(setup: Setup) -> Engine:
    """Return the engine with the parameters of a setup."""
    share = (setup.watermark + 0.5) / setup.blocks if setup.watermark else 0.0
    seats = min(setup.seats, FAR)
    budget = min(setup.budget, FAR)
    if setup.engine == "vllm-v0":
        how: Any = "swap" if setup.swap else "recompute"
        return VllmV0(budget, seats, how, setup.delay, setup.block, share)
    if setup.engine == "vllm-v0-chunked":
        how = "swap" if setup.swap else "recompute"
        return VllmV0Chunked(budget, seats, how, setup.block, share)
    if setup.engine == "vllm-v1":
        threshold = 0 if setup.threshold >= FAR else setup.threshold
        return VllmV1(
            release=setup.release,
            max_num_batched_tokens=budget,
            max_num_seqs=seats,
            enable_prefix_caching=setup.cache,
            enable_chunked_prefill=setup.chunked,
            long_prefill_token_threshold=threshold,
            block_size=setup.block,
            scheduler_reserve_full_isl=setup.whole,
            watermark=share,
        )
    if setup.engine == "sarathi":
        return Sarathi(budget, seats, setup.block, share)
    if setup.engine == "orca":
        return Orca(seats, setup.block)
    return Fastgen(budget, min(setup.batch, FAR), seats, setup.block)


def scenario_of(setup: Setup, diary: Diary) -> ServeScenario:
    """Return the scenario of a setup."""
    return ServeScenario(
        trace=Silence(),
        engine=engine_of(setup),
        order=setup.order or (Priority() if setup.priority else FirstCome()),
        evict=LeastUrgent() if setup.priority else Last(),
        retain=FixedTtl(setup.ttl) if setup.ttl else Never(),
        seed=setup.seed,
        cost=diary,
        kv_tokens=setup.blocks * setup.block,
        max_model_len=setup.longest,
        swap_space=1e15,
        host_cache=_host_cache(setup),
        host_bandwidth=SLOW_LINK if setup.host_cache else SWAP_BANDWIDTH,
        copy_dispatch=0.0,
    )


def _host_cache(setup: Setup) -> HostCache | None:
    if setup.host_cache == 0:
        return None
    size = setup.host_cache * setup.block * model("llama-3.1-8b").kv_bytes_on(1)
    return HostCache(float(size))


def simulate(setup: Setup, jobs: Sequence[Job], step: bool = True) -> tuple[Any, Diary]:
    """Serve the jobs in the kernel; return its run and the diary of its passes."""
    diary = Diary()
    run = scenario_of(setup, diary).simulate(trace=trace_of(jobs), record_tokens=True, record_passes=20_000, step=step)
    return run, diary


def copy_seconds(setup: Setup) -> float:
    """Return what the kernel charges for moving one block."""
    bytes_ = setup.block * scenario_of(setup, Diary()).fleet().model.kv_bytes
    return bytes_ / (SLOW_LINK if setup.host_cache else SWAP_BANDWIDTH)
