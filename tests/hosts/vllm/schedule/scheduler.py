"""vLLM's own scheduler behind the face of the twin: it decides, a model that is not there answers at once.

The twin's loop brings arrivals, prices passes and keeps the clock. Everything else is vLLM: queues, blocks, hashes,
preemption. Tokens are numbers, so that equal prefixes hash alike and nothing else does.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from vllm.config import CacheConfig, ModelConfig, SchedulerConfig, VllmConfig
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

from tests.serve.twin.engine import Engine, serve
from tests.serve.twin.jobs import Cost, Job, Pass, Setup
from tests.serve.twin.kernel import FAR

SHARED, OWN = 1 << 20, 1 << 40  # where the tokens of shared pieces and of single requests begin
MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "vocab_size": 128,
    "max_position_embeddings": 1 << 20,
}


class Watched(Scheduler):
    """vLLM's scheduler, which also tells in which order it preempts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preempted: list[Request] = []

    def _preempt_request(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.preempted.append(request)
        super()._preempt_request(request, *args, **kwargs)


class Blocks:
    """vLLM's block pool, asked as the twin's loop asks its own."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.blocks = scheduler.kv_cache_config.num_blocks - 1  # one is the null block

    @property
    def free(self) -> range:
        return range(self.scheduler.kv_cache_manager.block_pool.get_num_free_blocks())

    def held(self) -> Counter[int]:
        """Return how many requests list each block."""
        found: Counter[int] = Counter()
        for name in self.scheduler.requests:
            found.update(self.scheduler.kv_cache_manager.get_block_ids(name)[0])
        return found

    def check(self, tables: Sequence[Sequence[int]]) -> None:
        """Assert that every block is free or owned by the running requests that list it, and by nobody else."""
        manager = self.scheduler.kv_cache_manager
        held = self.held()
        queue = manager.block_pool.free_block_queue.get_all_free_blocks()
        free = {block.block_id for block in queue}
        assert len(free) == len(queue) == len(self.free)
        for block in manager.block_pool.blocks[1:]:
            assert block.ref_cnt == held[block.block_id]
            assert (block.ref_cnt == 0) == (block.block_id in free)


class Vllm(Engine):
    """The real scheduler in place of the twin's composition."""

    null_blocks = 1

    def __init__(self, setup: Setup, apart: bool = True) -> None:
        super().__init__(setup)
        self.apart = apart
        self.scheduler = self.made()
        self.pool: Any = Blocks(self.scheduler)
        self.hasher = get_request_block_hasher(setup.block, sha256)
        self.here: dict[str, Job] = {}
        self.requests: dict[int, Request] = {}
        self.output: Any = None

    def made(self) -> Any:
        """Return the scheduler that is driven."""
        return scheduler_of(self.setup)

    def extra(self, job: Job) -> dict[str, Any] | None:
        """Return what a client would tell about a request in the API's extra fields."""
        return None

    def first_blocks(self, job: Job) -> int:
        return 0

    def arrive(self, job: Job) -> None:
        request = Request(
            request_id=f"{job.index:06d}",
            prompt_token_ids=self.tokens(job),
            sampling_params=SamplingParams(max_tokens=job.output, ignore_eos=True, extra_args=self.extra(job)),
            pooling_params=None,
            arrival_time=(job.arrival, job.index) if self.apart else job.arrival,
            priority=job.priority,
            block_hasher=self.hasher if self.setup.cache else None,
        )
        self.here[request.request_id] = job
        self.requests[job.index] = request
        self.scheduler.add_request(request)

    def tokens(self, job: Job) -> list[int]:
        """Return the prompt: what the session said so far, or shared pieces, then tokens that nobody else has."""
        former = self.requests[job.after].all_token_ids if job.session >= 0 and job.after >= 0 else []
        pieces = [SHARED + piece * FAR + place for piece in job.ids for place in range(job.id_block)]
        known = list(former or pieces)[: job.prompt]
        return known + [token(job, place) for place in range(len(known), job.prompt)]

    def jobs(self) -> list[Job]:
        return list(self.here.values())

    def compose(self, now: float, batch: Pass) -> None:
        before = {request.request_id for request in self.scheduler.running}
        self.scheduler.preempted.clear()
        self.output = self.scheduler.schedule()
        for request in self.scheduler.preempted:
            job = self.here[request.request_id]
            job.preemptions += 1
            job.decoding = False
            batch.preempted.append(job.index)
        for name, count in self.output.num_scheduled_tokens.items():
            job = self.here[name]
            job.computed = self.scheduler.requests[name].num_computed_tokens - count
            if name not in before:
                self.seat(job, now, batch)
            batch.items.append((job, count))
        if not batch.items:
            self.answer(batch, now)

    def seat(self, job: Job, now: float, batch: Pass) -> None:
        """Note what the cache held as a request starts."""
        if job.computed:
            batch.hits[job.index] = job.computed
        if job.start is None:
            job.start, job.cached = now, job.computed

    def close(self, batch: Pass, end: float) -> list[Job]:
        self.answer(batch, end)
        leaving = []
        for job, count in batch.items:
            request = self.requests[job.index]
            job.computed += count
            if request.num_output_tokens > job.generated:
                job.generated += 1
                job.decoding = True
                job.times.append(end)
            if request.is_finished():
                job.finish = end
                leaving.append(job)
                del self.here[request.request_id]
        return leaving

    def answer(self, batch: Pass, end: float) -> None:
        """Give vLLM what a model would: one token for each request whose known tokens are all computed."""
        names = list(self.output.num_scheduled_tokens)
        sampled = []
        for name in names:
            request = self.scheduler.requests[name]
            done = request.num_computed_tokens == request.num_tokens
            sampled.append([token(self.here[name], request.num_tokens)] if done else [])
        places = {name: place for place, name in enumerate(names)}
        self.scheduler.update_from_output(self.output, ModelRunnerOutput(names, places, sampled))


def token(job: Job, place: int) -> int:
    """Return the token of a request at a place of its sequence, which no other request has."""
    return OWN + job.index * OWN + place


def scheduler_of(setup: Setup, kind: type[Any] = Watched, additional: Any = None, ahead: bool = False) -> Any:
    """Return a scheduler of vLLM's or one derived from it, with the parameters of a setup; `ahead`: asynchronous."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(MODEL))
        model = ModelConfig(
            model=folder, tokenizer=folder, skip_tokenizer_init=True, dtype="float32", max_model_len=setup.longest
        )
    config = VllmConfig(
        model_config=model,
        cache_config=CacheConfig(block_size=setup.block, enable_prefix_caching=setup.cache),
        scheduler_config=SchedulerConfig(
            max_model_len=setup.longest,
            is_encoder_decoder=False,
            max_num_seqs=setup.seats,
            max_num_batched_tokens=setup.budget,
            enable_chunked_prefill=setup.chunked,
            long_prefill_token_threshold=0 if setup.threshold >= FAR else setup.threshold,
            policy="priority" if setup.priority else "fcfs",
            scheduler_reserve_full_isl=setup.whole,
            watermark=(setup.watermark + 0.5) / setup.blocks if setup.watermark else 0.0,
            async_scheduling=False,
        ),
        additional_config=additional or {},
    )
    config.scheduler_config.async_scheduling = ahead  # vLLM's CPU build would switch it off
    config.cache_config.num_gpu_blocks = setup.blocks
    attention = FullAttentionSpec(block_size=setup.block, num_kv_heads=1, head_size=1, dtype=torch.float32)
    init_none_hash(sha256)
    return kind(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(setup.blocks, [], [KVCacheGroupSpec(["attention"], attention)]),
        structured_output_manager=StructuredOutputManager(config),
        block_size=setup.block,
    )


def run(setup: Setup, jobs: Sequence[Job], cost: Cost) -> tuple[Vllm, list[Pass]]:
    """Serve the jobs with vLLM's scheduler and return it as it ended, and the passes."""
    engine = Vllm(setup)
    return engine, serve(engine, jobs, cost)
