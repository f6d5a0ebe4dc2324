"""The columns of the tables, by which they are recognised. Times and costs are seconds.

Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, and its data release.
"""

from collections.abc import Mapping

PARTS = ("podAllocationCost", "deployCodeCost", "deployDependencyCost", "schedulingCost")
COLD = ("day", "time", "clusterName", "funcName", "userID", "requestID", "totalCost_cold_start", *PARTS, "podID")
REQUEST_COSTS = (
    "totalCost_worker",
    "workerCost",
    "runtimeCost",
    "totalCost_frontend",
    "frontendCost",
    "busCost",
    "readBodyCost",
    "writeRspCost",
)
USAGE = ("cpu_usage", "memory_usage", "requestBodySize")  # cores, MB, bytes
REQUESTS = (
    "time_worker",
    "time_frontend",
    "requestID",
    "clusterName",
    "funcName",
    "podID",
    "userID",
    *REQUEST_COSTS,
    *USAGE,
)
FUNCTIONS = ("funcID", "cpu_request", "runtime", "triggerType-invocationType")
TABLES: Mapping[str, tuple[str, ...]] = {"cold_starts": COLD, "requests": REQUESTS, "functions": FUNCTIONS}
"Tables whose columns are all known, by name. A series by the minute has `day`, `time` and a column a function."
NUMBERS: Mapping[str, tuple[str, ...]] = {
    "cold_starts": ("day", "time", "totalCost_cold_start", *PARTS),
    "requests": ("time_worker", "time_frontend", *REQUEST_COSTS, *USAGE),
    "functions": ("cpu_request",),
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "cold_starts": ("day", "time", "totalCost_cold_start", *PARTS),
    "requests": ("time_worker",),
    "functions": (),
}
"Columns that hold a number in every row; others may be empty or NaN, as the frontend's are."
