"""Figures of a row of servers."""

from evenly.core import Metric

METRICS = (
    Metric("brakes", "Power brakes", "", "lower", "How often the power brake acted."),
    Metric("brake_time", "Time in brake", "share", "lower", "Share of the time that the brake held."),
    Metric("peak", "Peak of the row", "share", "lower", "Highest power, as a share of the budget."),
    Metric("over_longest", "Longest overload", "s", "lower", "Longest time above the budget without a break."),
    Metric("capped_low", "Low priority capped", "share", "lower", "Share of the time below the highest clock."),
    Metric("capped_high", "High priority capped", "share", "lower", "The same of high priority."),
    Metric("commands", "Commands", "", "lower", "Changes of level that were sent to the servers."),
    Metric("high_p50", "High priority p50", "s", "lower", "Median time from arrival to answer, high priority."),
    Metric("high_p99", "High priority p99", "s", "lower", "Its 99th percentile."),
    Metric("low_p50", "Low priority p50", "s", "lower", "Median time from arrival to answer, low priority."),
    Metric("low_p99", "Low priority p99", "s", "lower", "Its 99th percentile."),
    Metric("high_service_p50", "High service p50", "s", "lower", "Median time from start to answer, without queue."),
    Metric("low_service_p50", "Low service p50", "s", "lower", "The same of low priority."),
    Metric("high_throughput", "High priority", "tokens/s", "higher", "Tokens of answered requests, high priority."),
    Metric("low_throughput", "Low priority", "tokens/s", "higher", "The same of low priority."),
    Metric("throughput", "Throughput", "tokens/s", "higher", "Prompt and output tokens of answered requests a second."),
    Metric("rise_sample", "Rise in a sample", "share", "neither", "Largest rise from one sample to the next."),
    Metric("rise_command", "Rise in a command", "share", "neither", "Largest rise while a command is under way."),
    Metric("energy", "Energy", "J", "lower", "Of all servers."),
)
