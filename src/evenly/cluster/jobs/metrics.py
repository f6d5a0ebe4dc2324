"""Figures of a run of jobs."""

from evenly.core import Metric

METRICS = (
    Metric("response_mean", "Mean response", "s", "lower", "From the submission of a job to its end."),
    Metric("response_short", "Response, fastest 80%", "s", "lower", "Mean of the fastest 80% of the responses."),
    Metric("response_middle", "Response, next 15%", "s", "lower", "Mean of the next 15% of the responses."),
    Metric("response_long", "Response, last 5%", "s", "lower", "Mean of the slowest 5% of the responses."),
    Metric("response_users", "Response by user", "s", "lower", "Mean over users of their mean response."),
    Metric("slowdown", "Slowdown", "x", "lower", "Mean of the response over that of the job alone on the cluster."),
    Metric(
        "dvr", "Later than by UJF", "x", "lower", "Mean delay of jobs that UJF ends earlier, over their response there."
    ),
    Metric("dvr_jobs", "Jobs later than by UJF", "", "lower", "How many those are."),
    Metric(
        "dsr",
        "Earlier than by UJF",
        "x",
        "lower",
        "Mean delay of all other jobs, below zero, over their response there.",
    ),
    Metric(
        "fairness", "Fairness of users", "share", "higher", "Jain's index of service by max-min fair share, over time."
    ),
    Metric(
        "lateness",
        "Latest after the ideal",
        "s",
        "lower",
        "Most seconds between a job's end and that in the fluid ideal.",
    ),
    Metric("lag", "Behind the ideal", "s", "lower", "Most core-seconds that a user was behind the fluid ideal."),
    Metric("makespan", "Makespan", "s", "lower", "Until the last job ended."),
    Metric("utilisation", "Utilisation", "share", "higher", "Time of tasks over that of all slots until the makespan."),
)
