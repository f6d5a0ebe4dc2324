"""The figures of a serving run, in the order of the table."""

from evenly.core import Metric

METRICS: tuple[Metric, ...] = (
    Metric("ttft_mean", "TTFT mean", "s", about="Arrival to first token, queueing included."),
    Metric("ttft_p50", "TTFT p50", "s", about="Median time to first token."),
    Metric("ttft_p99", "TTFT p99", "s", about="99th percentile of the time to first token."),
    Metric("tbt_p50", "TBT p50", "s", about="Median gap between tokens, over all gaps of all requests."),
    Metric("tbt_p99", "TBT p99", "s", about="99th percentile of the gap between tokens."),
    Metric("tpot_mean", "TPOT mean", "s", about="Mean over requests of (end - first token) / (output - 1)."),
    Metric("e2e_mean", "E2E mean", "s", about="Arrival to last token."),
    Metric("e2e_p50", "E2E p50", "s", about="Median end-to-end latency."),
    Metric("e2e_p99", "E2E p99", "s", about="99th percentile of the end-to-end latency."),
    Metric("job_mean", "Job mean", "s", about="First arrival of a program to its last token, tools included."),
    Metric("job_p95", "Job p95", "s", about="95th percentile over programs of that time."),
    Metric("goodput", "Goodput", "req/s", "higher", "Requests a second that met the SLO."),
    Metric("slo_share", "SLO met", "share", "higher", "Share of requests that met the SLO."),
    Metric("throughput", "Throughput", "req/s", "higher", "Requests finished a second of makespan."),
    Metric("token_rate", "Tokens out", "tokens/s", "higher", "Output tokens a second of makespan."),
    Metric("makespan", "Makespan", "s", about="First arrival to last token."),
    Metric(
        "replica_hours", "Replica-hours", "h", about="Time that replicas lived, starts included, if they come and go."
    ),
    Metric("cold_share", "Cold", "share", about="Requests that waited until a replica had started."),
    Metric("starts", "Starts", "", about="Replicas started."),
    Metric("rejected", "Rejected", "share", about="Requests that can never fit into a replica."),
    Metric("fairness", "Fairness", "", "higher", "Jain index over users of seconds for each output token; 1 is even."),
    Metric("fair_share", "Fair share", "", "higher", "Jain index over users of service over max-min share; 1 is fair."),
    Metric("ttft_users", "TTFT of users", "s", about="Median over users of their mean TTFT: each counts once."),
    Metric("imbalance", "Imbalance", "", about="Peak over mean of the replicas' busy time."),
    Metric("idle_share", "Idle", "share", "neither", "Share of replica time without a pass."),
    Metric("preemptions", "Preemptions", "per req", about="Preemptions for each request."),
    Metric("switch_bytes", "Moved", "GB", about="Bytes copied between device and host, where seats are switched."),
    Metric(
        "switch_stall", "Copy stall", "share", about="Part of the passes' time for which the device waits for copies."
    ),
    Metric("switch_run", "Run length", "pages", "higher", "Mean pages that lie side by side where they are copied."),
    Metric("recompute_share", "Recomputed", "share", about="Prompt tokens computed again, of all computed tokens."),
    Metric("cache_share", "Cache hits", "share", "higher", "Prompt tokens found in the prefix cache."),
    Metric("kv_peak", "KV peak", "share", "neither", "Largest share of KV blocks in use."),
    Metric("energy", "Energy", "J/token", about="Joules for each output token; power model named in the facts."),
)
