"""The workload of BurstGPT as its publication describes it: hours, weekdays, services, lengths, failures, sessions.

Everything is read off the figures of the data set's README, its row counts, or stated otherwise beside the figure.
"""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.traces.arrivals import DAY, HOUR, Windows
from evenly.traces.workload import Turns

# Median requests an hour of a weekday, ChatGPT conversations; 1 h and 2 h lie between the published 45 and 5.
HOURLY = (45, 32, 18, 5, 5, 5, 5, 5, 20, 105, 155, 155, 68, 92, 155, 185, 185, 130, 78, 100, 118, 105, 95, 75)
WEEKEND = 900 / 2000  # conversations of a day at the weekend over those of a weekday
SIGMA = 0.5  # of the lognormal hours of an API: with its medians and days it gives the first file's 23,400 rows a day
ACTIVE = 0.6  # share of the days on which an API is used: the published daily counts run from 0 to 27,000
FAILED = 1.0 - 1_404_295 / 1_429_738  # rows of the first file with and without failures
CONVERSATION_SHAPE, API_SHAPE = (
    0.5,
    0.25,
)  # the published generator's default and its example: fitted ones are not known
# Sessions with two turns and more: 3.9%; with three and more: 0.68%; mean turns 1.12. The tail follows from the mean.
SECOND, THIRD, MEAN_TURNS = 0.039, 0.0068, 1.12
LONGEST_SESSION = 100  # turns
THINK = 300.0  # seconds: an assumption; turns of a session lie less than 30 minutes apart
# Tokens of the prompt at 0, 1/8 ... 8/8: quantiles of the 32 successful rows that the data set's viewer shows first.
# Their mean is 689; that of all GPT-4 rows is 763 (vLLM pull request 13063). The tail, up to 31,400, is not known.
PROMPT_OCTILES = (17, 52, 153, 406, 529, 810, 1310, 1448, 1840)
LONGEST_OUTPUT = 12_500  # tokens, of all files
PROMPTS, OUTPUTS = (5, 40, 120, 350, 2000), (100, 260, 160, 160, 440)  # mean output of a conversation by its prompt
OUTPUT_SPREAD = 165.0  # tokens: the published bands of 90% are 20 to 580 for short and 180 to 700 for long prompts


@dataclass(frozen=True, slots=True)
class Service:
    """One of the four services, by model and use."""

    name: str
    api: bool
    hourly: float
    "Of a conversation, its part of `HOURLY`; of an API, the median requests of an active hour."


SERVICES = (
    Service("ChatGPT conversation", False, 1.0),
    Service("GPT-4 conversation", False, 0.5),
    Service("ChatGPT API", True, 1050.0),
    Service("GPT-4 API", True, 200.0),
)


def windows(start: float, span: float, width: float, chance: np.random.Generator) -> list[Windows]:
    """Return the arrivals of each service from second `start` of a week that begins on Monday, for `span` seconds."""
    count = max(1, round(span / width))
    time = start + (np.arange(count) + 0.5) * width
    hour, day = (time // HOUR).astype(np.int64), (time // DAY).astype(np.int64)
    made = []
    for service in SERVICES:
        if service.api:
            rate = service.hourly * chance.lognormal(0.0, SIGMA, int(hour[-1]) + 1)[hour]
            rate *= (chance.random(int(day[-1]) + 1) < ACTIVE)[day]
        else:
            rate = service.hourly * np.array(HOURLY, np.float64)[hour % 24]
            rate *= np.where(day % 7 >= 5, WEEKEND, 1.0)
        shape = np.full(count, API_SHAPE if service.api else CONVERSATION_SHAPE)
        made.append(Windows(width, rate * width / HOUR, shape))
    return made


def lengths(count: int, chance: np.random.Generator) -> tuple[Ints, Ints]:
    """Return prompts by their quantiles, and outputs of a Gamma law whose mean follows the prompt."""
    prompt = np.rint(np.interp(chance.random(count), np.linspace(0.0, 1.0, len(PROMPT_OCTILES)), PROMPT_OCTILES))
    mean: Floats = np.interp(prompt, PROMPTS, OUTPUTS)
    shape = (mean / OUTPUT_SPREAD) ** 2
    output = np.clip(np.rint(chance.standard_gamma(shape) * mean / shape), 1, LONGEST_OUTPUT)
    return prompt.astype(np.int64), output.astype(np.int64)


def turns() -> Turns:
    """Return the published sessions: after the third turn, each has the same chance of another."""
    later = MEAN_TURNS - 1.0 - SECOND - THIRD
    again = later / (THIRD + later)
    least = np.array([1.0, SECOND, *(THIRD * again ** np.arange(LONGEST_SESSION - 2)), 0.0])
    return Turns(tuple((least[:-1] - least[1:]).tolist()), THINK)
