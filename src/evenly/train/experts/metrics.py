"""The figures of an experts scenario."""

from evenly.core import Metric

METRICS = (
    Metric(
        "maxvio_global",
        "MaxVio global",
        "",
        "lower",
        "Largest load of an expert over the mean, less 1, over all last steps.",
    ),
    Metric("maxvio_batch", "MaxVio of a batch", "", "lower", "The same within one step and layer, mean of them."),
    Metric("maxvio_device", "MaxVio of devices", "", "lower", "The same for the devices that hold the experts."),
    Metric("floor", "Floor by chance", "", "neither", "MaxVio of a batch that chance leaves even to an even router."),
    Metric(
        "settled",
        "Settled after",
        "steps",
        "lower",
        "First step from which ten steps have MaxVio below twice the floor.",
    ),
    Metric(
        "dead", "Dead experts", "share", "lower", "Experts with less than a tenth of the mean load in the last steps."
    ),
    Metric("dropped", "Dropped", "share", "lower", "Experts that tokens lack of those that they would visit."),
    Metric("without", "Without an expert", "share", "lower", "Tokens that no expert of a layer computes."),
    Metric("score", "Score kept", "share", "higher", "Scores of who computes over those of who is liked best."),
    Metric(
        "regret",
        "Regret",
        "score",
        "lower",
        "What prices lost a token in the first layer, all steps together, against the best fixed.",
    ),
    Metric(
        "step_time",
        "Time of a step",
        "s",
        "lower",
        "Layers with experts, forward and backward; the slowest device sets it.",
    ),
    Metric("waiting", "Waiting", "share", "lower", "Time of the devices in which they wait for the slowest."),
    Metric(
        "throughput",
        "Useful throughput",
        "tokens/s",
        "higher",
        "Tokens of a step that are served over its time; a token that lacks some of its experts counts in part.",
    ),
)
