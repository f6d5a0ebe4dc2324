"""Blocks that stay after a request's end, because the next turn of its program will ask for them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.request import Request

from evenly.hosts.vllm.table import Entry, Table


@dataclass(slots=True, eq=False)
class Kept:
    """What one program keeps."""

    entry: Entry
    blocks: list[Any]
    until: float
    awaited: Entry | None = None
    "Its next turn, which waits for a seat."


class Keeper:
    """Holds one more reference to the blocks of paused programs, as long as a policy says.

    They are let go when the time is over and the next turn has not come, when that turn has its seat, and when nothing
    could go on without them; the one that would be kept longest goes first.
    """

    def __init__(
        self,
        manager: KVCacheManager,
        block: int,
        table: Table,
        seconds: Callable[..., float],
        learn: Callable[..., None] | None,
    ) -> None:
        self._manager, self._block, self._table, self._seconds, self._learn = manager, block, table, seconds, learn
        self._kept: dict[str, Kept] = {}
        self.next_expiry = math.inf

    def __len__(self) -> int:
        return len(self._kept)

    def tell(self, now: float, entry: Entry) -> None:
        """Tell a policy that learns that a request came, got its first seat, or ended."""
        if self._learn is not None:
            self._learn(now, entry.row, self._table.requests)

    def keep(self, now: float, request: Request, entry: Entry) -> None:
        """Keep the full blocks of a request that just ended, if the policy says so."""
        program = entry.hints.program
        if program is None:
            return
        self.let_go(program)  # what another branch of it left, if it has several
        if entry.hints.ends:
            return
        full = request.num_computed_tokens // self._block
        seconds = float(self._seconds(now, entry.row, self._table.requests)) if full else 0.0
        if not seconds > 0:
            return
        pool = self._manager.block_pool
        blocks = []
        for place in range(full):
            found = pool.get_cached_block(request.block_hashes[place], [0])
            if found is None:
                break
            blocks += found
        pool.touch(blocks)
        self._table.keep(entry, 1)
        self._kept[program] = Kept(entry, blocks, now + seconds)
        self.next_expiry = min(self.next_expiry, now + seconds)

    def expect(self, entry: Entry) -> None:
        """Note that the next turn of a program came and waits."""
        kept = self._kept.get(entry.hints.program or "")
        if kept is not None:
            kept.awaited = entry
            self._table.keep(kept.entry, 2)

    def unexpect(self, entry: Entry) -> None:
        """Note that the next turn of a program gave up waiting."""
        kept = self._kept.get(entry.hints.program or "")
        if kept is not None and kept.awaited is entry:
            kept.awaited = None
            self._table.keep(kept.entry, 1)
            self.next_expiry = min(self.next_expiry, kept.until)

    def expire(self, now: float) -> None:
        """Let go what was kept until now, unless its next turn waits for a seat."""
        if now < self.next_expiry:
            return
        over = [name for name, kept in self._kept.items() if kept.awaited is None and kept.until <= now]
        for program in reversed(over):  # as in the simulator: what was kept last goes first
            self.let_go(program)
        alone = (kept.until for kept in self._kept.values() if kept.awaited is None)
        self.next_expiry = min(alone, default=math.inf)

    def give_up(self) -> bool:
        """Let go the blocks that would be kept longest, the latest ones on a tie; tell whether there were any."""
        if not self._kept:
            return False
        self.let_go(max(reversed(self._kept), key=lambda name: self._kept[name].until))
        return True

    def let_go(self, program: str | None) -> None:
        """Give back what a program keeps, last block first."""
        kept = self._kept.pop(program or "", None)
        if kept is not None:
            self._manager.block_pool.free_blocks(reversed(kept.blocks))
            self._table.keep(kept.entry, 0)

    def clear(self) -> None:
        """Let go everything."""
        while self.give_up():
            pass
