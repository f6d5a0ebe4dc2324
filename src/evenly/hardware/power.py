"""Energy of a run, and what a server draws by the phase of its request and the clock of its devices."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from evenly.core import Floats, Ints
from evenly.hardware.device import Device, device, known

FILE = Path(__file__).parent / "data" / "phases.yaml"

# Shares of the range from idle to peak that a busy device draws: while it merely runs, at full memory bandwidth, at
# full arithmetic rate. Least squares over the 180 power-metered runs of Llama-2-70B on 2, 4 and 8 A100 with prompts
# up to 4,096 tokens that Splitwise publishes (Patel et al., 2024); mean error 3.7%, largest 26%. Other cards are
# assumed to divide their range alike.
RUNNING = 0.125
MEMORY = 0.863
COMPUTE = 1.233
# Share of the voltage at full clock that the cores keep however low the clock is; what they draw goes by clock times
# voltage squared. An assumption: cores of 810 to 1,980 MHz are said to run at some 0.7 to 1.1 V.
VOLTAGE = 0.45
UNKNOWN = 0.5  # share of the bandwidth in use where the traffic was not counted, an assumption


def joules(
    device: Device, busy: float, idle: float, flops: float, moved: float | None = None, clock: float = 1.0
) -> float:
    """Return the energy of `busy` and `idle` device-seconds in which `flops` operations and `moved` bytes were done.

    A busy device draws its idle power, and of the range up to its peak a fixed share plus shares in proportion to its
    memory traffic and its arithmetic, the whole range at most. Without `moved`, half of the bandwidth counts as used.
    `clock` is the share of the full clock at which the cores run: their part of the range shrinks with it and with the
    square of the voltage, that of the memory stays.

    >>> from evenly.hardware.device import device
    >>> joules(device("a100-80gb"), busy=0.0, idle=10.0, flops=0.0)
    800.0
    >>> round(joules(device("a100-80gb"), busy=1.0, idle=0.0, flops=0.0, moved=0.0))
    120
    >>> round(joules(device("a100-80gb"), busy=1.0, idle=0.0, flops=0.0, moved=0.0, clock=0.5))
    91
    """
    if busy <= 0:
        return idle * device.idle
    traffic = UNKNOWN if moved is None else moved / (busy * device.bandwidth)
    squared = (VOLTAGE + (1.0 - VOLTAGE) * clock) ** 2
    cores = squared * (RUNNING * clock + COMPUTE * flops / (busy * device.flops))
    share = min(1.0, cores + MEMORY * traffic)
    return busy * (device.idle + (device.peak - device.idle) * share) + idle * device.idle


def power_facts(device: Device) -> dict[str, str | int | float]:
    """Return the constants of the power model, for the facts of an outcome."""
    return {
        "power": f"{device.idle:g} W idle, {device.peak:g} W peak; a busy device draws {RUNNING:g} of the range, "
        f"{MEMORY:g} more at full bandwidth, {COMPUTE:g} at full arithmetic rate (fit to metered A100 runs)"
    }


@dataclass(frozen=True, slots=True)
class Phases:
    """Measured power and time of the two phases of a request of one model on eight devices."""

    name: str
    prompt: tuple[float, ...]
    "Tokens of the prompts that were measured, times their batch."
    peak: tuple[float, ...]
    "Highest power of a device meanwhile, as a share of its limit; a dip of the meter counts as flat."
    seconds: tuple[float, ...]
    "Time of the prompt at full clock."
    token_share: float
    "Power while tokens are generated, as a share of the limit."
    token_seconds: float
    "Time of one token at full clock."
    source: str

    def prompt_share(self, tokens: Floats | Ints | float) -> Floats:
        """Return the highest power of a device in a prompt, a share of its limit, by tokens of the whole batch.

        Straight lines between what was measured, flat beyond it.

        >>> float(phases("bloom-176b").prompt_share(1536).round(3))
        1.014
        """
        return np.asarray(np.interp(tokens, self.prompt, self.peak))

    def prompt_seconds(self, tokens: Floats | Ints | float) -> Floats:
        """Return the time of a prompt at full clock; beyond the longest that was measured, along the last line."""
        x, y = self.prompt, self.seconds
        beyond = np.maximum(np.asarray(tokens, np.float64) - x[-1], 0.0) * (y[-1] - y[-2]) / (x[-1] - x[-2])
        return np.asarray(np.interp(tokens, x, y) + beyond)


@dataclass(frozen=True, slots=True)
class Server:
    """A server of several devices: its power and speed by clock.

    A device draws idle + (phase - idle) (f / top)^exponent watts, and everything beside the devices a fixed power, busy
    or idle. A prompt takes 1 / (1 - prompt_loss (1 - f / top)) times as long at clock f, a token likewise.
    """

    device: str = "a100-80gb"
    "Name of the accelerator."
    devices: int = 8
    "Accelerators of a server."
    provisioned: float = 6500.0
    "Watts that a server was given: its part of the budget. The limit of a DGX-A100."
    rest_busy: float = 3050.0
    "Watts of fans, processors and network cards while a request is served. Fitted to a row that peaks at 78%."
    rest_idle: float = 2300.0
    "The same while none is. Fitted likewise."
    top: float = 1410.0
    "Highest clock in MHz. The boost clock of an A100."
    low: float = 210.0
    "Lowest clock in MHz that a command names. That of an A100."
    exponent: float = 1.6
    "Power of the clock that the power above idle follows. An assumption that meets the published savings."
    prompt_loss: float = 0.9
    "Share of the speed of a prompt that goes with the clock. An assumption that meets the published losses."
    token_loss: float = 0.22
    "Share of the speed of a token that goes with the clock. An assumption likewise."

    def __post_init__(self) -> None:
        device(self.device)
        if not 1 <= self.devices <= 1024:
            raise ValueError(f"devices is 1 to 1024, not {self.devices}")
        for name in ("provisioned", "rest_busy", "rest_idle", "top", "low", "exponent"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} is a positive number, not {value}")
        if self.low > self.top:
            raise ValueError(f"low is at most the highest clock, {self.top:g} MHz, not {self.low}")
        for name in ("prompt_loss", "token_loss"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} is a share of at least 0 and below 1, not {value}")

    @property
    def idle(self) -> float:
        """Watts of all devices when nothing runs."""
        return self.devices * device(self.device).idle

    @property
    def limit(self) -> float:
        """Watts of all devices at their limit, to which shares of power refer."""
        return self.devices * device(self.device).peak

    def watts(self, share: Floats | float, clock: float) -> Floats:
        """Return the power of a busy server whose devices draw `share` of their limit at full clock, at `clock` MHz.

        >>> round(float(Server().watts(0.62, 1410.0))), round(float(Server().watts(0.62, 1110.0)))
        (5034, 4607)
        """
        above = np.asarray(share, np.float64) * self.limit - self.idle
        return np.asarray(self.rest_busy + self.idle + above * (min(clock, self.top) / self.top) ** self.exponent)

    def speed(self, loss: float, clock: float) -> float:
        """Return the speed at `clock` MHz as a share of that at the highest, of a phase that loses `loss` of it.

        >>> round(1 / Server().speed(0.22, 1110.0), 3), round(1 / Server().speed(0.9, 1110.0), 3)
        (1.049, 1.237)
        """
        return 1.0 - loss * (1.0 - min(clock, self.top) / self.top)


def phases(name: str) -> Phases:
    """Return the phases of a model; raise `ValueError` with a suggestion if they were not measured.

    >>> phases("bloom-176b").token_seconds
    0.049
    """
    return _table()[known(name, _table(), "measured phases of model")]


@cache
def _table() -> dict[str, Phases]:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {
        name: Phases(
            name,
            tuple(map(float, row["prompt"])),
            tuple(float(share) for share in np.maximum.accumulate(row["peak"])),
            tuple(map(float, row["seconds"])),
            float(row["token_share"]),
            float(row["token_seconds"]),
            row["source"],
        )
        for name, row in raw.items()
    }
