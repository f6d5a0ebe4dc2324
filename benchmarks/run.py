"""The same as `python -m benchmarks`, for whoever calls the file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
