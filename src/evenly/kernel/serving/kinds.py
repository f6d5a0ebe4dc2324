"""Replicas of several kinds in one run: crews of their own size, cost model and memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Crews that are alike: each a pipeline of `stages` microbatches of `ranks` replicas."""

    crews: int
    stages: int
    ranks: int
    blocks: int
    "Usable blocks of each replica."
    seats: int
    "Requests that each replica runs at once."
    tables: Floats
    "Numbers of its cost model."
    shared: Floats
    "Numbers for what the ranks of a microbatch compute together; empty if nothing."
    carried: bool = False
    "Whether requests bring the keys and values of their prompts but for the last token."

    @property
    def mates(self) -> int:
        """Return the replicas of a crew."""
        return self.stages * self.ranks


def members(kinds: Sequence[Kind]) -> Ints:
    """Return the replicas of each crew, shape [crew, *], then -1: kind after kind, and in it a member of each crew.

    >>> some = np.zeros(1)
    >>> members([Kind(1, 1, 1, 9, 9, some, some), Kind(2, 2, 1, 9, 9, some, some)])
    array([[ 0, -1],
           [ 1,  3],
           [ 2,  4]])
    """
    made = np.full((sum(kind.crews for kind in kinds), max(kind.mates for kind in kinds)), -1, np.int64)
    crew = first = 0
    for kind in kinds:
        size = kind.crews * kind.mates
        made[crew : crew + kind.crews, : kind.mates] = first + np.arange(size).reshape(kind.mates, kind.crews).T
        crew, first = crew + kind.crews, first + size
    return made


def kind_of(kinds: Sequence[Kind]) -> Ints:
    """Return the kind of each replica."""
    return np.repeat(np.arange(len(kinds)), [kind.crews * kind.mates for kind in kinds])


def settle(kinds: Sequence[Kind], arrays: dict[str, Array]) -> None:
    """Write down in `pools`, `fleet` and `ends` what each replica has of its kind; all have as much as the largest."""
    table, which = arrays["members"], kind_of(kinds)
    pools, fleet = arrays["pools"], arrays["fleet"]
    crew = np.broadcast_to(np.arange(len(table))[:, None], table.shape)
    pools["crew"][table[table >= 0]] = crew[table >= 0]
    for number, kind in enumerate(kinds):
        mine = which == number
        pools["mates"][mine], pools["stages"][mine], pools["carried"][mine] = kind.mates, kind.stages, kind.carried
        for name in ("free", "least_free"):
            pools[name][mine] = kind.blocks
        fleet["free"][mine] = fleet["blocks"][mine] = kind.blocks
        pools["spare_seats"][mine] = np.minimum(kind.seats, pools["spare_seats"][mine])
        for name in ("tables", "shared"):
            earlier = sum(len(getattr(other, name)) for other in kinds[:number])
            pools[name][mine], pools[f"{name}_end"][mine] = earlier, earlier + len(getattr(kind, name))
        if arrays["link"].shape[1] > 1:  # the free queue of blocks
            arrays["ends"][mine, 1] = kind.blocks - 1
            arrays["link"][mine, kind.blocks - 1, 1] = -1


def numbers(kinds: Sequence[Kind], name: str) -> Floats:
    """Return `tables` or `shared` of all kinds, one after the other; those of a single one themselves, never a copy."""
    if len(kinds) == 1:
        return np.asarray(getattr(kinds[0], name), np.float64)
    return np.concatenate([np.asarray(getattr(kind, name), np.float64) for kind in kinds])


def prices(kinds: Sequence[Kind], seconds: Any, tokens: int) -> Floats:
    """Return the seconds of a queued prompt token on each replica, in passes of `tokens`.

    A microbatch of a pipeline waits for those on the other stages.
    """
    none = np.zeros(1, np.int64)
    each = [kind.stages * seconds(np.array([tokens]), none, 0, 0.0, 0, kind.tables)[0] / tokens for kind in kinds]
    return np.array(each)[kind_of(kinds)]
