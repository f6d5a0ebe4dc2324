"""Compare, on this machine: `python -m evenly.hosts.dask [--rounds N] [--record FOLDER]`."""

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from evenly.hosts.dask.measure import HEAVY, LIGHT, QUEUES, Measured, measure
from evenly.hosts.shared_jobs import write


def main() -> None:
    """Print the responses of a light user beside a heavy one, real and simulated, and keep the records if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each queue (default 5)")
    parser.add_argument("--record", type=Path, help="folder for a record of each run, which scenarios can read")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds is at least 1, not {options.rounds}")
    logging.getLogger("distributed").setLevel(logging.ERROR)
    runs = measure(options.rounds)
    if options.record:
        options.record.mkdir(parents=True, exist_ok=True)
        for k, run in enumerate(runs):
            write(options.record / f"{run.queue}-{k // len(QUEUES)}.jsonl", run.records)
    print("\n".join(table(runs)))


def table(runs: Sequence[Measured]) -> list[str]:
    """Return a table: mean response in seconds by queue and user, least and greatest of the rounds, and simulated."""
    lines = ["| queue | light user | heavy user | all | simulated | ratio |", "| --- | --- | --- | --- | --- | --- |"]
    for name in dict.fromkeys(run.queue for run in runs):
        mine = [run for run in runs if run.queue == name]
        whole, foretold = spread(mine, Measured.mean), spread(mine, lambda run: run.mean(predicted=True))
        ratio = np.mean([run.mean(predicted=True) for run in mine]) / np.mean([run.mean() for run in mine])
        users = [spread(mine, lambda run, user=user: run.mean(user)) for user in (LIGHT, HEAVY)]  # type: ignore[misc]
        lines.append("| " + " | ".join([name, *users, whole, foretold, f"{ratio:.2f}"]) + " |")
    return lines


def spread(runs: Sequence[Measured], of: Callable[[Measured], float]) -> str:
    """Return a mean and its extremes."""
    values = [of(run) for run in runs]
    return f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
