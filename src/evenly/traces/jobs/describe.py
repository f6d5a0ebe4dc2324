"""How uneven the jobs of a cluster and its users are, in tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenly.core import Floats
from evenly.measure.concentration import gini, top_share
from evenly.measure.quantiles import SHARES, quantiles
from evenly.traces.jobs.job import Jobs

FEW = 10  # users told one by one
UNITS: Mapping[str, str] = {
    "of_the_work": "share",
    "of_the_jobs": "share",
    "heaviest_10_percent_ask_for": "share",
    "heaviest_asks_for": "share",
    "submitted_over": "s",
}
"Unit of a column by its name; others are counts, core-seconds or pure numbers."


def describe(jobs: Jobs) -> dict[str, Any]:
    """Return tables by name: the jobs, the work of one, who asks for the cluster, the heaviest users.

    >>> from evenly.traces.jobs.job import Job, Part
    >>> found = describe(Jobs((Job("ann", 0.0, (Part(9.0),)), Job("bob", 4.0, (Part(1.0),))), "two"))
    >>> found["jobs"]["core_seconds"], found["heaviest_users"][0]["of_the_work"]
    (10.0, 0.9)
    """
    names, code = np.unique(np.array([job.user for job in jobs.jobs], str), return_inverse=True)
    count, work = np.bincount(code), np.bincount(code, jobs.work).astype(np.float64)
    times = [job.submit for job in jobs.jobs if job.follows < 0]
    total = float(jobs.work.sum())
    heaviest = np.argsort(-work, kind="stable")[:FEW]
    return {
        "jobs": {
            "jobs": len(jobs),
            "users": len(names),
            "stages": sum(len(job.parts) for job in jobs.jobs),
            "core_seconds": total,
            "submitted_over": max(times) - min(times),
            "cores_to_keep_up": total / (max(times) - min(times)) if max(times) > min(times) else None,
        },
        "work_of_a_job": {"share": list(SHARES), "core_seconds": quantiles(jobs.work, np.array(SHARES))},
        "work_of_users": [{"": "users", **_held(work)}, {"": "jobs", **_held(jobs.work)}],
        "heaviest_users": [
            {
                "user": str(names[user]),
                "jobs": int(count[user]),
                "of_the_jobs": int(count[user]) / len(jobs),
                "of_the_work": float(work[user]) / total if total else None,
            }
            for user in heaviest.tolist()
        ],
    }


def _held(values: Floats) -> dict[str, Any]:
    total = float(values.sum())
    return {
        "number": len(values),
        "heaviest_asks_for": float(values.max()) / total if total else None,
        "heaviest_10_percent_ask_for": top_share(values, 0.1),
        "gini": gini(values),
    }
