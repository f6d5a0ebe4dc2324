"""The exam of the shares: what a policy that divides a device between two lanes promises.

>>> from evenly.serve.shares.static import Static
>>> check_shares(Static(prefill=60.0))
"""

import numpy as np

from evenly.measure.slo import Slo
from evenly.serve.engines.semi_pd import SemiPd
from evenly.serve.shares import Shares
from evenly.testing.serve import serve, workload

LIMITS = (Slo(ttft=1e-3, tpot=1e3), Slo(ttft=1e3, tpot=1e-3), Slo(ttft=1e3, tpot=1e3), Slo(ttft=1e-3, tpot=1e-3))


def check_shares(shares: Shares) -> None:
    """Whatever the limits, shares lie above 0 and at most at 100, nobody is lost, and the same seed decides alike."""
    assert shares.window >= 0, f"{shares}: a window of {shares.window} passes"
    for slo in LIMITS:
        for count in (0, 1, 60):
            run, again = (serve(workload(6, count), engine=SemiPd(), shares=shares, slo=slo) for _ in range(2))
            assert np.isfinite(run.requests["finish"]).all(), f"{shares}: requests were never served"
            pairs = run.shares[:, 2:]
            assert np.all((pairs > 0) & (pairs <= 100)), f"{shares}: shares of {pairs.min()} to {pairs.max()} percent"
            assert np.array_equal(run.shares, again.shares), f"{shares}: the same seed gives other shares"
