"""Compare, on this machine: `python -m evenly.hosts.spark [--rounds N] [--record FOLDER]`."""

import tempfile
from pathlib import Path

from evenly.hosts.light_beside_heavy import options, show
from evenly.hosts.spark.java import java
from evenly.hosts.spark.measure import figures, measure


def main() -> None:
    """Print the responses of a light user beside a heavy one, real and simulated, and keep the records if asked to."""
    wanted = options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        java(Path(folder))
        runs = measure(wanted.rounds)
    show(runs, wanted.record)
    found = figures(runs)
    print(f"the light user waits {found['gain']:.1f} times less under uwfq than under fifo")
    print(f"the simulator misses a mean by at most {found['off']:.0f}%, and reverses {found['reversed']:.0f} pairs")


if __name__ == "__main__":
    main()
