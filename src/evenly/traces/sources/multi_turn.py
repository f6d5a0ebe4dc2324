"""Conversations of several turns."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Trace
from evenly.traces.chains import chains, lognormal

SHORTEST = 8  # tokens of a text or an answer


@dataclass(frozen=True, slots=True)
class MultiTurn:
    """People who talk to a model: each turn carries the whole conversation so far and follows the last answer.

    Conversations start by Poisson's law. A turn arrives when its predecessor has ended and its reader has thought, so
    a slow server sees fewer turns at once. All prompts begin with the same system prompt, and a turn repeats the prompt
    and answer before it, which a prefix cache can reuse. The defaults stand in for multi-round ShareGPT.

    Reference: A. Shen et al., "FastSwitch: Optimizing Context Switching Efficiency in Fairness-aware Large Language
    Model Serving", 2024, serves 1,000 conversations with 5.5 turns on average.

    >>> trace = MultiTurn(conversations=1, turns=3.0).draw(seed=0)
    >>> bool(np.all(trace.prompt[1:] > trace.prompt[:-1] + trace.output[:-1]))
    True
    """

    conversations: int = 200
    "Number of conversations."
    rate: float = 1.0
    "Conversations that begin in a second."
    turns: float = 5.5
    "Mean turns of a conversation, before the longest are cut; geometric."
    most_turns: int = 20
    "Longest conversation."
    system: int = 0
    "Tokens of the system prompt that all conversations share."
    user_median: float = 66.7
    "Median tokens of what a person writes; lognormal."
    user_sigma: float = 1.1
    "Standard deviation of its logarithm."
    user_longest: int = 1500
    "Longest text of a person; the shortest is 8 tokens."
    answer_median: float = 181.3
    "Median tokens of an answer; lognormal."
    answer_sigma: float = 0.8
    "Standard deviation of its logarithm."
    answer_longest: int = 800
    "Longest answer; the shortest is 8 tokens."
    think: float = 5.0
    "Mean seconds between an answer and the next turn; exponential."
    context: int = 8192
    "A conversation ends before its prompt and answer exceed this."

    def __post_init__(self) -> None:
        if min(self.conversations, self.most_turns) < 1 or self.system < 0:
            raise ValueError(
                f"conversations and most_turns are at least 1, system at least 0, not {self.conversations}, "
                f"{self.most_turns} and {self.system}"
            )
        if not (0 < self.rate < float("inf") and 1 <= self.turns < float("inf") and 0 <= self.think < float("inf")):
            raise ValueError(
                f"rate is positive, turns at least 1, think at least 0, not {self.rate}, {self.turns}, {self.think}"
            )
        for name in ("user", "answer"):
            median, sigma = getattr(self, f"{name}_median"), getattr(self, f"{name}_sigma")
            if not (1 <= median < float("inf") and 0 <= sigma < float("inf")):
                raise ValueError(
                    f"{name}_median is at least 1 token, {name}_sigma at least 0, not {median} and {sigma}"
                )
        longest = self.system + self.user_longest + self.answer_longest
        if min(self.user_longest, self.answer_longest) < SHORTEST or self.context < longest:
            raise ValueError(
                f"user_longest ({self.user_longest}) and answer_longest ({self.answer_longest}) are at least "
                f"{SHORTEST} tokens, and the first turn of up to {longest} must fit into the context of {self.context}"
            )

    def draw(self, seed: int) -> Trace:
        """Return the trace; turns after the first wait for the one before."""
        chance = np.random.default_rng(seed)
        begin = np.cumsum(chance.exponential(1.0 / self.rate, self.conversations))
        turns = np.minimum(chance.geometric(1.0 / self.turns, self.conversations), self.most_turns)
        count = int(turns.sum())
        text = lognormal(self.user_median, self.user_sigma, SHORTEST, self.user_longest, count, chance)
        answer = lognormal(self.answer_median, self.answer_sigma, SHORTEST, self.answer_longest, count, chance)
        pause = chance.exponential(self.think, count) if self.think else np.zeros(count)
        origin = f"{self.conversations} conversations, {self.rate:g} a second"
        return chains(begin, turns, text, answer, pause, self.system, self.context, origin)
