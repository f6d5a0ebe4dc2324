"""Seeds of random workloads: a few are the quickest answer, some the usual one, and many are for `make thorough`."""

import pytest


def seeds(few: int, some: int, many: int) -> pytest.MarkDecorator:
    """Call a test with `seeds`: those below `few`, those up to `some`, and, only if asked for, those up to `many`."""
    return pytest.mark.parametrize(
        "seeds",
        [
            pytest.param(range(few), id="few"),
            pytest.param(range(few, some), id="some", marks=pytest.mark.slow),
            pytest.param(range(some, many), id="many", marks=pytest.mark.thorough),
        ],
    )
