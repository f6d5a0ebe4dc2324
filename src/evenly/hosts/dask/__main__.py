"""Compare, on this machine: `python -m evenly.hosts.dask [--rounds N] [--record FOLDER]`."""

import argparse
import logging
from pathlib import Path

from evenly.hosts.dask.measure import HEAVY, LIGHT, measure
from evenly.hosts.shared_jobs import keep, table


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
        keep(options.record, runs)
    print("\n".join(table(runs, (LIGHT, HEAVY))))


if __name__ == "__main__":
    main()
