"""Run the command line as `python -m evenly`."""

from evenly.cli import main

main()
