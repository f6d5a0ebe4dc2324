"""Run benchmarks: `python -m benchmarks [NAME...]`, each in a process of its own.

Prints the tables, keeps them in benchmarks/results and renews docs/benchmarks.md. Exits with 1 if a limit is missed.
"""

import argparse
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

from benchmarks.calibration import machine
from benchmarks.figures import Figure, keep, publish, table

TORCH = ("experts", "perplexity", "vocabulary", "unpadded")  # run in the environment that has torch
NAMES = (
    "startup", "fleet", "scaling", "sweep", "prefix", "tables", "queues", "replay", "batches", "peers",
    "release", "queued", *TORCH,
)  # fmt: skip


def one(name: str) -> bool:
    """Run one benchmark in this process, keep its figures, and return whether all limits are kept."""
    facts = machine()
    module = import_module(f"benchmarks.{name}.run" if name == "peers" else f"benchmarks.{name}")
    figures: list[Figure] = module.measure()
    print(f"\n{name}\n{table(keep(name, figures, facts))}", flush=True)
    return all(figure.inside for figure in figures)


def main() -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default all")
    parser.add_argument("--here", action="store_true", help="run in this process, do not renew the page")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}'; known: {', '.join(NAMES)}")
    names = options.names or NAMES
    if find_spec("torch") is None and (without := [name for name in names if name in TORCH]):
        told = f"{', '.join(without)}: torch is not installed; run them by .venv-vllm/bin/python -m benchmarks"
        if options.names:
            parser.error(told)
        print(f"skipped {told}", file=sys.stderr)
        names = [name for name in names if name not in TORCH]
    if options.here:
        return int(sum(not one(name) for name in names) > 0)
    kept = [subprocess.run([sys.executable, "-m", "benchmarks", "--here", name]).returncode == 0 for name in names]
    publish()
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
