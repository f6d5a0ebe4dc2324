"""The figures of a function platform. Cold starts and pod-hours belong together: either is easily had for the other."""

from evenly.core import Metric

METRICS = (
    Metric("cold_starts", "Cold starts", "", "lower", "Calls that waited until a pod had started."),
    Metric("pod_hours", "Pod-hours", "h", "lower", "Time that all pods lived, from start to release, pools included."),
    Metric("cold_share", "Cold calls", "share", "lower", "Cold starts over all calls."),
    Metric(
        "idle_share", "Idle pod time", "share", "lower", "Time that pods waited for calls, over the time they lived."
    ),
    Metric("cost", "Cost", "h", "lower", "Hours of pods that ran no call, and for each cold start what it is worth."),
    Metric("added_mean", "Added mean", "s", "lower", "Time from a call's arrival to its run."),
    Metric("added_p50", "Added p50", "s", "lower", "Median of that time over all calls."),
    Metric("added_p99", "Added p99", "s", "lower", "99% quantile of that time over all calls."),
    Metric("sync_p99", "Added p99, somebody waits", "s", "lower", "The same over synchronous calls."),
    Metric("pods", "Pods started", "", "lower", "Pods started for calls and ahead of them."),
    Metric(
        "utility_p50", "Utility p50", "x", "higher", "Median of useful lifetime, from its start on, over start time."
    ),
    Metric(
        "utility_ready", "Utility p50 from ready", "x", "higher", "The same with lifetime from when a pod is ready."
    ),
    Metric(
        "useless", "Pods below utility 1", "share", "lower", "Pods useful for less than their start, from ready on."
    ),
    Metric("pool_hours", "Pool-hours", "h", "lower", "Time of idle pods in pools and of those being built for them."),
    Metric("throughput", "Calls", "calls/s", "higher", "Calls over the length of the workload."),
)
