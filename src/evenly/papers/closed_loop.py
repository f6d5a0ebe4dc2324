"""The published benchmark of interactive endpoints: clients that send their next request when the last one ends."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenly.core import Bools, Floats, Ints, Trace
from evenly.serve.scenario import ServeScenario

SPREAD = 0.3  # standard deviation of lengths over their mean, as in the published script
LONGEST_PROMPT = 4000  # tokens, as in the published script
CONTEXT = 4096  # tokens of prompt and output that Llama 2 accepts
REQUESTS = 512  # requests of a run, as in the published experiment
FIRST_TOKEN_RATE = 512.0  # prompt tokens a second within which the first token is due
SPAN = 16  # tokens over which the pace of a user is averaged, exponentially weighted


def trace(clients: int, prompt: float, output: float, seed: int, requests: int = REQUESTS) -> Trace:
    """Return chains of requests, one a client, with normal lengths around the means `prompt` and `output`.

    The published script hands requests out from one queue until it is empty. Chains here are half as long again as
    that takes, and `Measured` counts the first `requests` to be sent, so no client runs dry before the last one.
    """
    chance = np.random.default_rng([seed, clients, int(prompt), int(output)])
    count = clients * int(np.ceil(1.5 * requests / clients) + 4)
    after = np.arange(count) - clients
    prompts = np.minimum(_normal(chance, prompt, count), LONGEST_PROMPT)
    return Trace(
        arrival=np.zeros(count),
        prompt=prompts,
        output=np.minimum(_normal(chance, output, count), CONTEXT - prompts),
        after=np.maximum(after, -1),
        pause=np.zeros(count),
        origin=f"{clients} clients, prompt {prompt:g}, output {output:g}",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the clients of one run saw; one row a request."""

    arrival: Floats
    finish: Floats
    prompt: Ints
    times: Floats
    "When each token came, shape [requests, tokens]; NaN after the last one."

    @property
    def gaps(self) -> Floats:
        """Seconds between tokens, shape [requests, tokens - 1]; NaN after the last one."""
        return np.diff(self.times, axis=1)

    def latency(self) -> float:
        """Return the mean seconds from sending a request to its last token."""
        return float(np.mean(self.finish - self.arrival))

    def throughput(self) -> float:
        """Return requests a second of the whole run."""
        return len(self.finish) / float(self.finish.max())

    def effective(self, pace: float) -> float:
        """Return the requests a second that keep their users waiting neither for the first token nor between tokens.

        The first token is due after 1 s for each 512 prompt tokens; after that the exponentially weighted mean gap
        stays below `1 / pace` seconds at every token, so that the user reads `pace` tokens a second.
        """
        return float(np.count_nonzero(self.kept(pace))) / float(self.finish.max())

    def kept(self, pace: float) -> Bools:
        """Return which requests count as effective at `pace` tokens a second."""
        first = self.times[:, 0] - self.arrival <= self.prompt / FIRST_TOKEN_RATE
        return np.asarray(first & (smoothed(self.gaps).max(axis=1, initial=0.0) < 1.0 / pace))


def run(scenario: ServeScenario, sent: Trace, requests: int = REQUESTS) -> Measured:
    """Serve `sent` and return what the clients saw of its first `requests` requests."""
    result: Any = scenario.simulate(trace=sent, record_tokens=True)
    first = np.argsort(result.requests["arrival"], kind="stable")[:requests]
    begin = np.concatenate(([0], np.cumsum(sent.output)))
    column = np.arange(int(sent.output[first].max()))
    place = np.minimum(begin[first][:, None] + column, len(result.tokens) - 1)
    times = np.where(column < sent.output[first][:, None], result.tokens[place], np.nan)
    rows = result.requests[first]
    return Measured(rows["arrival"], rows["finish"], rows["prompt"], times)


def smoothed(gaps: Floats) -> Floats:
    """Return the exponentially weighted mean of each row up to each column, bias-corrected; 0 in place of NaN.

    >>> smoothed(np.array([[1.0, 1.0, 1.0], [2.0, 2.0, np.nan]]))
    array([[1., 1., 1.], [2., 2., 0.]])
    """
    keep = 1.0 - 2.0 / (SPAN + 1)
    total = np.zeros(len(gaps))
    weight = 0.0
    means = np.zeros_like(gaps)
    for column in range(gaps.shape[1]):
        total = keep * total + gaps[:, column]
        weight = keep * weight + 1.0
        means[:, column] = np.nan_to_num(total / weight)
    return means


def slowed(scenario: ServeScenario, factor: float) -> ServeScenario:
    """Return the scenario with every pass `factor` times as long, for slower kernels and a slower host."""
    return replace(scenario, slowdown=factor)


def _normal(chance: np.random.Generator, mean: float, count: int) -> Ints:
    return np.maximum(np.rint(chance.normal(mean, SPREAD * mean, count)).astype(np.int64), 1)
