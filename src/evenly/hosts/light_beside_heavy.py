"""A light user beside a heavy one on a real cluster: what they ask for, queue by queue, and what comes of it."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.hosts.shared_jobs import JobRecord, write

LIGHT, HEAVY = "light", "heavy"


@dataclass(frozen=True, slots=True)
class Ask:
    """A job that a user submits some seconds after the start."""

    user: str
    at: float
    tasks: int


def asks(heavy: int, light: int, *, begin: float, every: float) -> tuple[Ask, ...]:
    """Return four jobs of `heavy` tasks, all at once, and three of `light` tasks, from `begin` on, now and then."""
    large = (Ask(HEAVY, 0.05 * k, heavy) for k in range(4))
    return (*large, *(Ask(LIGHT, begin + every * k, light) for k in range(3)))


def in_turn(names: Sequence[str], number: int) -> Iterator[str]:
    """Return the queues of a round, backwards in every other one, so that a drift of the machine favours none."""
    return iter(names) if number % 2 == 0 else reversed(names)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a real cluster under one queue."""

    queue: str
    records: tuple[JobRecord, ...]
    "In the order of what was asked; `tasks` are the seconds for which they held a slot."
    simulated: tuple[float, ...]
    "Response of each job by the simulator, given these tasks."

    def mean(self, user: str = "", predicted: bool = False) -> float:
        """Return the mean response of a user's jobs, or of all."""
        found = self.simulated if predicted else [one.response for one in self.records]
        return float(np.mean([each for each, one in zip(found, self.records, strict=True) if user in ("", one.user)]))


def keep(folder: Path, runs: Iterable[Measured]) -> None:
    """Write a record of each run, named by its queue and how many of that queue came before it."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: Counter[str] = Counter()
    for run in runs:
        write(folder / f"{run.queue}-{seen[run.queue]}.jsonl", run.records)
        seen[run.queue] += 1


def table(runs: Sequence[Measured], users: Sequence[str]) -> list[str]:
    """Return a table: mean response in seconds by queue and user, least and greatest of the rounds, and simulated."""
    titles = ["queue", *(f"{user} user" for user in users), "all", "simulated", "ratio"]
    rows = [titles, ["---"] * len(titles)]
    for name in dict.fromkeys(run.queue for run in runs):
        mine = [run for run in runs if run.queue == name]
        columns = [[run.mean(user) for run in mine] for user in (*users, "")]
        columns.append([run.mean(predicted=True) for run in mine])
        rows.append([name, *map(_spread, columns), f"{np.mean(columns[-1]) / np.mean(columns[-2]):.2f}"])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _spread(values: Sequence[float]) -> str:
    """Return a mean and its extremes."""
    return f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def options(about: str | None) -> argparse.Namespace:
    """Read how many `rounds` to run, and the folder to `record` them in, from the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each queue (default 5)")
    parser.add_argument("--record", type=Path, help="folder for a record of each run, which scenarios can read")
    found = parser.parse_args()
    if found.rounds < 1:
        parser.error(f"--rounds is at least 1, not {found.rounds}")
    return found


def show(runs: Sequence[Measured], record: Path | None) -> None:
    """Print the table of runs, and keep their records if a folder is named."""
    if record:
        keep(record, runs)
    print("\n".join(table(runs, (LIGHT, HEAVY))))
