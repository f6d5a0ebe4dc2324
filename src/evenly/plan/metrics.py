"""The figures of a plan, in the order of the table."""

from evenly.core import Metric

METRICS: tuple[Metric, ...] = (
    Metric("devices", "Devices", "", about="Devices of the whole layout."),
    Metric("goodput", "Goodput", "req/s", "higher", "Requests a second that met the SLO."),
    Metric("slo_share", "SLO met", "share", "higher", "Share of requests that met the SLO."),
    Metric("ttft_mean", "TTFT mean", "s", about="Arrival to first token, queueing included."),
    Metric("ttft_p99", "TTFT p99", "s", about="99th percentile of the time to first token."),
    Metric("tpot_mean", "TPOT mean", "s", about="Mean over requests of (end - first token) / (output - 1)."),
    Metric("tpot_p99", "TPOT p99", "s", about="99th percentile over requests of that time."),
    Metric("e2e_mean", "E2E mean", "s", about="Arrival to last token."),
    Metric("e2e_p99", "E2E p99", "s", about="99th percentile of the end-to-end latency."),
    Metric("queue_mean", "Queue mean", "s", about="Arrival to the first pass that computes the prompt."),
    Metric(
        "handover_mean",
        "Hand-over",
        "s",
        about="First token to the arrival of its keys and values on the devices that decode, where these are apart.",
    ),
    Metric("throughput", "Throughput", "req/s", "higher", "Requests finished a second of makespan."),
    Metric("token_rate", "Tokens out", "tokens/s", "higher", "Output tokens a second of makespan."),
    Metric("makespan", "Makespan", "s", about="First arrival to last token."),
    Metric("rejected", "Rejected", "share", about="Requests that can never fit into a rank."),
    Metric("energy", "Energy", "J/token", about="Joules for each output token; power model named in the facts."),
    Metric(
        "cost", "Cost", "per Mtok", about="Price of the devices for a million output tokens, device-hours by default."
    ),
    Metric("compute_share", "Compute", "share", "neither", "Device time in matrix products and prompt attention."),
    Metric("memory_share", "Memory", "share", "neither", "Device time that reads weights and keys and values."),
    Metric("collective_share", "Collectives", "share", "lower", "Device time in collectives and between stages."),
    Metric("host_share", "Host", "share", "lower", "Device time during which the host prepares a pass."),
    Metric("wait_share", "Waiting", "share", "lower", "Device time that waits for a slower microbatch or rank."),
    Metric("idle_share", "Idle", "share", "neither", "Device time of copies of the model that have no request."),
    Metric("imbalance", "Imbalance", "", about="Peak over mean of the busy time of ranks."),
    Metric("preemptions", "Preemptions", "per req", about="Preemptions for each request."),
    Metric("kv_peak", "KV peak", "share", "neither", "Largest share of KV blocks in use."),
)
