"""One line for each pass of the engine, for `evenly calibrate`."""

import datetime
import json
import platform
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenly.hosts.vllm.release import installed
from evenly.hosts.vllm.settings import Settings

if TYPE_CHECKING:
    from evenly.hosts.vllm.scheduler import Scheduler

VERSION = 1


class StepLog:
    """A file of JSON lines: what each pass computed and when; the first line tells of the engine."""

    def __init__(self, chosen: Settings, scheduler: "Scheduler") -> None:
        self._scheduler = scheduler
        self._began = 0.0
        self._came = 0.0
        self._passes: deque[dict[str, Any]] = deque()  # planned and not done; several where the engine runs ahead
        rank = scheduler.parallel_config.data_parallel_index
        path = Path(str(chosen.steps)) if not rank else Path(f"{chosen.steps}.{rank}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._write(self._header(chosen))

    def begin(self) -> None:
        """Note that the scheduler was asked."""
        self._began = time.perf_counter()

    def planned(self, output: Any) -> None:
        """Note what it answered."""
        if output.total_num_scheduled_tokens == 0:
            return
        entry = {"begin": self._began, "planned": time.perf_counter()} | self._content(output)
        self._passes.append(entry)

    def computed(self) -> None:
        """Note that the model's output came."""
        self._came = time.perf_counter()

    def done(self, output: Any) -> None:
        """Note that it was booked, and write the line."""
        if output.total_num_scheduled_tokens == 0:
            return
        entry = self._passes.popleft()
        waiting = len(self._scheduler.waiting) + len(self._scheduler.kv_holding_waiting)
        entry |= {"computed": self._came, "done": time.perf_counter()}
        self._write(entry | {"waiting": waiting, "running": len(self._scheduler.running)})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _content(self, output: Any) -> dict[str, Any]:
        tokens = output.num_scheduled_tokens
        chunks = [[tokens[new.req_id], new.num_computed_tokens] for new in output.scheduled_new_reqs]
        decodes = context = longest = 0
        cached = output.scheduled_cached_reqs
        for name, before in zip(cached.req_ids, cached.num_computed_tokens, strict=True):
            request = self._scheduler.requests[name]
            if name not in cached.resumed_req_ids and before >= request.num_prompt_tokens and tokens[name] == 1:
                decodes += 1
                context += before
                longest = max(longest, before)
            else:
                chunks.append([tokens[name], before])
        free = self._scheduler.kv_cache_manager.block_pool.get_num_free_blocks()
        found = {"chunks": chunks, "decodes": decodes, "context": context, "longest": longest, "free": free}
        return found | {"preempted": len(output.preempted_req_ids or ())}

    def _header(self, chosen: Settings) -> dict[str, Any]:
        engine = self._scheduler
        config = engine.vllm_config
        return {
            "format": "evenly-steps",
            "version": VERSION,
            "engine": f"vllm {installed()}",
            "model": str(config.model_config.model),
            "block": engine.block_size,
            "blocks": engine.cache_config.num_gpu_blocks,
            "max_num_seqs": engine.scheduler_config.max_num_seqs,
            "max_num_batched_tokens": engine.scheduler_config.max_num_batched_tokens,
            "max_model_len": engine.max_model_len,
            "enable_prefix_caching": bool(engine.cache_config.enable_prefix_caching),
            "async_scheduling": bool(engine.scheduler_config.async_scheduling),
            "policy": chosen.told(),
            "machine": f"{platform.machine()} {platform.processor()}".strip(),
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, default=str) + "\n")
