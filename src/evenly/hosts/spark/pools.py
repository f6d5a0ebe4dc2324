"""Spark's own scheduler pools, set up to share as a queue does."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from evenly.balance.queues import Queue
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.hosts.spark.properties import USER, holding

POOL = "spark.scheduler.pool"  # Spark's local property
MODE = "spark.scheduler.mode"


@dataclass(frozen=True, slots=True)
class Pools:
    """A Spark session whose pools share it as `first-come`, `fair` or `ujf` say, with nothing between it and users.

    Everything that Spark runs is shared, also DataFrames and all stages. Open it by `Pools.open`.
    """

    spark: Any
    queue: Queue

    @classmethod
    def open(cls, queue: Queue, builder: Any) -> "Pools":
        """Return a new session of a `SparkSession.builder`.

        Raises `ValueError` for a queue that pools cannot express, and where a session is there already: Spark reads how
        to share when it starts, and never again.
        """
        folder = tempfile.mkdtemp(prefix="evenly-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # sessions of this process to come read it too
        wanted = settings(queue, Path(folder))
        for name, value in wanted.items():
            builder = builder.config(name, value)
        spark = builder.getOrCreate()
        found = spark.sparkContext.getConf()
        for name, value in wanted.items():
            if found.get(name) != value:
                raise ValueError(f"a session is there that has {name} = {found.get(name)}; stop it first")
        return cls(spark, queue)

    @contextmanager
    def user(self, name: str) -> Iterator[None]:
        """Let what this thread submits, and the `InheritableThread`s that it starts, be of a user."""
        with holding(self.spark.sparkContext, POOL if isinstance(self.queue, Ujf) else USER, name):
            yield


def settings(queue: Queue, folder: Path) -> dict[str, str]:
    """Return the settings of Spark with which its pools share as a queue does; a file for them is put into `folder`.

    Raises `ValueError` for a queue that pools cannot express.

    >>> from evenly.balance.queues.first_come import FirstCome
    >>> settings(FirstCome(), Path("unused"))
    {'spark.scheduler.mode': 'FIFO'}
    """
    if isinstance(queue, FirstCome):
        return {MODE: "FIFO"}
    if isinstance(queue, Fair):
        if queue.weights or queue.min_shares:
            raise ValueError("in a pool of Spark all jobs have one weight and no least share; leave them out of `fair`")
        text = _pool("default", "FAIR", 1, 0)  # in it Spark puts what names no pool
    elif isinstance(queue, Ujf):
        users = sorted({*queue.weights, *queue.min_shares})
        shares = [(_whole(queue.weights, user, 1), _whole(queue.min_shares, user, 0)) for user in users]
        text = "".join(_pool(user, "FIFO", *share) for user, share in zip(users, shares, strict=True))
    else:
        raise ValueError(f"pools share as first-come, fair or ujf, not {type(queue).__name__}; use FairShare")
    file = folder / "pools.xml"
    file.write_text(f'<?xml version="1.0"?>\n<allocations>\n{text}</allocations>\n', encoding="utf-8")
    return {MODE: "FAIR", "spark.scheduler.allocation.file": file.as_uri()}


def _whole(shares: Mapping[str, float], user: str, default: int) -> int:
    share = shares.get(user, default)
    if share != int(share):
        raise ValueError(f"pools of Spark have whole weights and shares, not {share} of '{user}'")
    return int(share)


def _pool(name: str, mode: str, weight: int, share: int) -> str:
    parts = f"<schedulingMode>{mode}</schedulingMode><weight>{weight}</weight><minShare>{share}</minShare>"
    return f"<pool name={quoteattr(name)}>{parts}</pool>\n"
