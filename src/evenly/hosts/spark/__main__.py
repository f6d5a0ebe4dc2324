"""Compare, on this machine: `python -m evenly.hosts.spark [--rounds N] [--record FOLDER]`."""

import argparse
import tempfile
from pathlib import Path

from evenly.hosts.shared_jobs import keep, table
from evenly.hosts.spark.java import java
from evenly.hosts.spark.measure import HEAVY, LIGHT, figures, measure


def main() -> None:
    """Print the responses of a light user beside a heavy one, real and simulated, and keep the records if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each queue (default 5)")
    parser.add_argument("--record", type=Path, help="folder for a record of each run, which scenarios can read")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds is at least 1, not {options.rounds}")
    with tempfile.TemporaryDirectory() as folder:
        java(Path(folder))
        runs = measure(options.rounds)
    if options.record:
        keep(options.record, runs)
    print("\n".join(table(runs, (LIGHT, HEAVY))))
    found = figures(runs)
    print(f"the light user waits {found['gain']:.1f} times less under uwfq than under fifo")
    print(f"the simulator misses a mean by at most {found['off']:.0f}%, and reverses {found['reversed']:.0f} pairs")


if __name__ == "__main__":
    main()
