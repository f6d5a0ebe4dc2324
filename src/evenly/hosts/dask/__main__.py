"""Compare, on this machine: `python -m evenly.hosts.dask [--rounds N] [--record FOLDER]`."""

import logging

from evenly.hosts.dask.measure import measure
from evenly.hosts.light_beside_heavy import options, show


def main() -> None:
    """Print the responses of a light user beside a heavy one, real and simulated, and keep the records if asked to."""
    wanted = options(__doc__)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    runs = measure(wanted.rounds)
    show(runs, wanted.record)


if __name__ == "__main__":
    main()
