"""Run a function in processes that talk over gloo, one thread each, and collect what they return."""

import multiprocessing
import tempfile
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

WAIT = 600.0  # seconds for a process that does not answer


def together(size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return what `work(rank, *arguments)` returns in each of `size` new processes.

    They meet over a file, so no port is taken, and none is left behind. `work` is a function of a module. Raises
    `RuntimeError` with the text of what went wrong in any of them.
    """
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        pairs = [spawn.Pipe(duplex=False) for _ in range(size)]
        store = str(Path(folder) / "store")
        crew = [
            spawn.Process(target=_run, args=(line, rank, size, store, work, arguments), daemon=True)
            for rank, (_, line) in enumerate(pairs)
        ]
        for process, (_, line) in zip(crew, pairs, strict=True):
            process.start()
            line.close()  # so that the end of a process ends the wait for it
        try:
            return _answers([line for line, _ in pairs])
        finally:
            for process in crew:
                process.join(1.0)
                if process.is_alive():
                    process.terminate()
                    process.join()


def _answers(lines: list[Connection]) -> list[Any]:
    """Return all answers, in the order of the lines; of failures the first one, which others follow, is told."""
    found: dict[int, Any] = {}
    while len(found) < len(lines):
        ready = wait([line for k, line in enumerate(lines) if k not in found], WAIT)
        if not ready:
            raise RuntimeError(f"a process did not answer for {WAIT:g} s")
        found |= {lines.index(line): _answer(line) for line in lines if line in ready}
    return [found[k] for k in range(len(lines))]


def _answer(line: Connection) -> Any:
    try:
        fine, found = line.recv()
    except EOFError:
        raise RuntimeError("a process ended without an answer") from None
    if not fine:
        raise RuntimeError(found)
    return found


def _run(
    line: Connection, rank: int, size: int, store: str, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    import torch
    import torch.distributed as dist

    try:
        torch.set_num_threads(1)
        limit = timedelta(seconds=WAIT)
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=limit)
        found = work(rank, *arguments)
        dist.barrier()  # nobody leaves while others still send
        dist.destroy_process_group()
        line.send((True, found))
    except Exception as error:  # told to whoever started us
        line.send((False, f"process {rank}: {type(error).__name__}: {error}"))
