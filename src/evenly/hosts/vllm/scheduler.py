"""vLLM's scheduler, with the decisions of a scenario's policies."""

import time
from collections.abc import Callable
from typing import Any

from vllm.logger import init_logger
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.request_queue import SchedulingPolicy
from vllm.v1.core.sched.scheduler import Scheduler as VllmScheduler
from vllm.v1.request import Request, RequestStatus

from evenly.core import Array
from evenly.hosts.vllm.hints import hints
from evenly.hosts.vllm.keeper import Keeper
from evenly.hosts.vllm.line import Line
from evenly.hosts.vllm.policy import PolicyError, ranks, verb, verbs
from evenly.hosts.vllm.queue import PolicyQueue
from evenly.hosts.vllm.settings import Settings, settings
from evenly.hosts.vllm.steplog import StepLog
from evenly.hosts.vllm.table import Table
from evenly.kernel.serving import records
from evenly.serve.admissions.always import Always
from evenly.serve.budgets.fixed import Fixed
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.rebuild import derived
from evenly.serve.retentions.never import Never
from evenly.serve.victims.last import Last

ENDED = (RequestStatus.FINISHED_STOPPED, RequestStatus.FINISHED_LENGTH_CAPPED)
logger = init_logger("vllm.evenly")


class Scheduler(VllmScheduler):
    """vLLM's scheduler asks the plug-ins of a scenario for order, budget, admission, victim and retention.

    What they are stands under "evenly" in vLLM's `--additional-config`; without it, and without hints in the requests,
    this is vLLM's own scheduler. Where vLLM schedules asynchronously, so does this class.

    Raises `ValueError` for settings that are wrong or that this model cannot have, and `PolicyError` when a policy
    fails.
    """

    clock: Callable[[], float] = staticmethod(time.time)
    "The clock of `Request.arrival_time`."

    def __new__(cls, *args: Any, **kwargs: Any) -> "Scheduler":
        """Return an asynchronous scheduler where vLLM is configured for one."""
        config = kwargs["vllm_config"] if "vllm_config" in kwargs else args[0]
        if cls is Scheduler and config.scheduler_config.async_scheduling:
            cls = _Asynchronous
        made: Scheduler = super().__new__(cls)
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.running: Any
        self.max_num_scheduled_tokens: int
        super().__init__(*args, **kwargs)
        chosen = settings(self.vllm_config.additional_config)
        self._begin = self.clock()
        self._now = 0.0
        self._table = Table(getattr(type(chosen.order), "counts", ""))
        self._served = False  # tokens were given that no flow was charged for
        self._most: int = self.max_num_scheduled_tokens
        self._budget: Callable[..., int] | None = None
        self._score: Callable[..., float] | None = None
        self._keeper: Keeper | None = None
        self._watched = False  # allocations, for kept blocks that may have to go
        self._queue: PolicyQueue | None = None
        self._decide(chosen)
        self._log = StepLog(chosen, self) if chosen.steps else None
        logger.info("evenly schedules by %s", chosen.told())

    def _decide(self, chosen: Settings) -> None:
        """Put the policies where vLLM decides; what it does by itself already is left alone."""
        seed = chosen.seed
        if not isinstance(chosen.order, FirstCome) or not isinstance(chosen.admit, Always) or self._keeps(chosen):
            holds = None if isinstance(chosen.admit, Always) else verb(chosen.admit, "admit", records.ADMIT, seed)
            self.waiting = self._queue = self._queue_of(chosen, holds)
        if isinstance(chosen.budget, Fixed):
            self._most = self.max_num_scheduled_tokens = min(self._most, chosen.budget.size)
        elif chosen.budget is not None:
            self._budget = verb(chosen.budget, "tokens", records.BUDGET, seed)
        self.policy = SchedulingPolicy.FCFS
        if not isinstance(chosen.evict, Last):
            self.policy = SchedulingPolicy.PRIORITY
            self._score = verb(chosen.evict, "score", records.SCORE, seed)
        if self._keeps(chosen):
            self._check_retention()
            self._keeper = self._keeper_of(chosen)
            self._allocate = self.kv_cache_manager.allocate_slots

    def _keeper_of(self, chosen: Settings) -> Keeper:
        retain: Any = chosen.retain
        if hasattr(type(retain), "derives"):
            retain = derived(retain, {"kv_tokens": self.kv_cache_config.num_blocks * self.block_size})
        kinds = {"seconds": records.RETAIN}
        if hasattr(type(retain), "learn"):
            kinds["learn"] = records.LEARN
        asked = verbs(retain, kinds, chosen.seed)
        learn = asked[1] if len(asked) > 1 else None
        return Keeper(self.kv_cache_manager, self.block_size, self._table, asked[0], learn)

    def _keeps(self, chosen: Settings) -> bool:
        return not isinstance(chosen.retain, Never) and bool(self.cache_config.enable_prefix_caching)

    def _check_retention(self) -> None:
        groups = len(self.kv_cache_config.kv_cache_groups)
        if groups != 1 or self.connector is not None:
            raise ValueError(
                f"retain keeps blocks of models with one kind of attention and without a KV connector; this one has "
                f"{groups} groups of blocks{' and a connector' if self.connector is not None else ''}: leave retain out"
            )

    def _queue_of(self, chosen: Settings, holds: Callable[..., int] | None) -> PolicyQueue:
        table = self._table
        ask, bring = ranks(chosen.order, chosen.seed)

        def charge() -> None:
            table.charge_running()
            self._served = False

        def rank(request: Any, sequence: int) -> float:
            if self._served:
                charge()
            now = self.clock() - self._begin
            return float(ask(now, sequence, request.evenly.row, table.requests, table.used))

        def freshen(items: Array, count: int) -> None:
            if self._served:
                charge()
            bring(items, count, self.clock() - self._begin, table.requests, table.used)

        def start(request: Any) -> None:
            entry = request.evenly
            first = not entry.started
            table.start(request, self._now)
            if self._keeper is not None:
                if first:  # before what was kept for it is let go
                    self._keeper.tell(self._now, entry)
                self._keeper.let_go(entry.hints.program)
            table.seated(entry)

        front = isinstance(chosen.order, FirstCome)
        return PolicyQueue(table, rank, freshen, front, start, None if holds is None else self._holder(holds))

    def _holder(self, ask: Callable[..., int]) -> Callable[[Any], bool]:
        """Return what tells whether an admission holds the head of the queue back."""

        def holds(request: Any) -> bool:
            if not self.running:
                return False
            free = self.kv_cache_manager.block_pool.get_num_free_blocks()
            need = self._need(request)
            return not ask(self._now, request.evenly.row, need, free, len(self.running), self._table.requests)

        return holds

    def _need(self, request: Request) -> int:
        """Return the free blocks that a waiting request takes when it starts."""
        found, hit, _ = self.kv_cache_manager.get_computed_blocks(request)
        upto = request.num_tokens
        if not self.scheduler_reserve_full_isl:
            upto = min(upto, hit + self._most)
        asleep = sum(block.ref_cnt == 0 for group in found.blocks for block in group)
        return int(-(-upto // self.block_size) - hit // self.block_size + asleep)

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """Choose the tokens of the next pass."""
        log = self._log
        if log is not None:
            log.begin()
        self._now = self.clock() - self._begin
        if self._queue is not None:
            self._queue.end_pass()
        if self._keeper is not None:
            self._keeper.expire(self._now)
            self._watch()
        if self._budget is not None:
            self.max_num_scheduled_tokens = self._tokens(self._budget)
        if self._score is not None and type(self.running) is not Line:
            self.running = Line(self.running, self._scored)
        output = super().schedule(throttle_prefills)
        if log is not None:
            log.planned(output)
        return output

    def _tokens(self, ask: Callable[..., int]) -> int:
        decodes = [request.num_computed_tokens for request in self.running if not request.is_prefill_chunk]
        tokens = int(ask(self._now, len(decodes), sum(decodes)))
        if tokens < 1:
            raise PolicyError(f"the budget policy gave a pass of {tokens} tokens; it must give at least 1")
        return min(tokens, self._most)

    def _scored(self, request: Any) -> float:
        assert self._score is not None
        tokens = request.num_computed_tokens
        blocks = -(-tokens // self.block_size)
        return float(self._score(self._now, request.evenly.row, tokens, blocks, self._table.requests))

    def update_from_output(self, scheduler_output: SchedulerOutput, model_runner_output: Any) -> Any:
        """Book what the model computed."""
        self._served = bool(self._table.counts)
        if self._log is None:
            return super().update_from_output(scheduler_output, model_runner_output)
        self._log.computed()
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        self._log.done(scheduler_output)
        return outputs

    def add_request(self, request: Any) -> None:
        """Let a request join the queue."""
        if request.request_id not in self.requests:
            extra = request.sampling_params.extra_args if request.sampling_params is not None else None
            arrival = request.arrival_time - self._begin
            request.evenly = self._table.enter(request, hints(extra), arrival)
            if self._keeper is not None:
                self._keeper.tell(arrival, request.evenly)
                self._keeper.expect(request.evenly)
        super().add_request(request)

    def _preempt_request(self, request: Any, timestamp: float, drop_stale_output: bool = False) -> None:
        table, row = self._table, request.evenly.row
        if self._queue is not None:
            table.stop(request)
        table.requests["generated"][row] = request.num_output_tokens
        table.requests["preemptions"][row] += 1
        super()._preempt_request(request, timestamp, drop_stale_output)
        if self._keeper is not None:
            self._watch()

    def _free_request(self, request: Any, delay_free_blocks: bool = False) -> Any:
        entry = request.evenly
        if entry.running:
            self._table.stop(request)
        ended = request.status in ENDED
        now = self.clock() - self._begin
        if ended:
            self._table.finish(entry, now, request.num_output_tokens)
            self._table.seated(entry)
        if self._keeper is not None:
            if ended:
                self._keeper.tell(now, entry)
                self._keeper.keep(now, request, entry)
            else:
                self._keeper.unexpect(entry)
        freed = super()._free_request(request, delay_free_blocks)
        if ended and entry.hints.program is not None and not entry.hints.ends:
            self._table.pause(entry)
        else:
            self._table.leave(entry)
        return freed

    def _watch(self) -> None:
        """Watch allocations where kept blocks may have to go, which is rare."""
        watched = bool(self._keeper) and len(self.running) <= 1
        if watched != self._watched:
            self._watched = watched
            self.kv_cache_manager.allocate_slots = self._allocate_or_give_up if watched else self._allocate

    def _allocate_or_give_up(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Allocate, and let kept blocks go where nothing else could go on without them."""
        found = self._allocate(request, *args, **kwargs)
        while found is None and self._keeper:
            alone = not self.running or (len(self.running) == 1 and self.running[0] is request)
            if not alone:
                break
            self._keeper.give_up()
            found = self._allocate(request, *args, **kwargs)
        return found

    def reset_prefix_cache(self, *args: Any, **kwargs: Any) -> bool:
        """Forget what the prefix cache holds, kept blocks too."""
        if self._keeper is not None:
            self._keeper.clear()
        return bool(super().reset_prefix_cache(*args, **kwargs))

    def shutdown(self) -> None:
        """End."""
        if self._log is not None:
            self._log.close()
        super().shutdown()


class _Asynchronous(Scheduler, AsyncScheduler):
    """The same beside vLLM's asynchronous scheduler, which plans a pass while the one before it still runs."""
