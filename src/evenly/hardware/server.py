"""What a server draws, and how fast it is, by the phase of its request and the clock of its devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evenly.core import Floats, Ints
from evenly.hardware.device import device, known

FILE = Path(__file__).parent / "data" / "phases.yaml"


@dataclass(frozen=True, slots=True)
class Phases:
    """Measured power and time of the two phases of a request of one model on a server of eight devices."""

    model: str
    device: str
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
    device_idle: float | None = None
    "Watts of a device when nothing runs; by default as the accelerator's."
    device_limit: float | None = None
    "Watts of a device to which shares of power refer; by default the accelerator's limit."
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
        if not 0 <= self.idle < self.limit < float("inf"):
            raise ValueError(
                f"device_idle is at least 0 and below device_limit, not {self.device_idle} and {self.device_limit}"
            )
        if self.low > self.top:
            raise ValueError(f"low is at most the highest clock, {self.top:g} MHz, not {self.low}")
        for name in ("prompt_loss", "token_loss"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} is a share of at least 0 and below 1, not {value}")

    @property
    def idle(self) -> float:
        """Watts of all devices when nothing runs."""
        return self.devices * (device(self.device).idle if self.device_idle is None else self.device_idle)

    @property
    def limit(self) -> float:
        """Watts of all devices at their limit, to which shares of power refer."""
        return self.devices * (device(self.device).peak if self.device_limit is None else self.device_limit)

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


def phases(model: str, device: str = "a100-80gb") -> Phases:
    """Return the phases of a model on eight devices; raise `ValueError` with a suggestion if they were not measured.

    >>> phases("bloom-176b").token_seconds, phases("llama-2-70b", "h100").token_seconds
    (0.049, 0.03)
    """
    measured = _table()
    models = measured[known(device, measured, "measured phases on device")]
    return models[known(model, models, "measured phases of model", f" on eight {device}")]


@cache
def _table() -> dict[str, dict[str, Phases]]:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {device: {model: _phases(model, device, row) for model, row in rows.items()} for device, rows in raw.items()}


def _phases(model: str, device: str, row: Mapping[str, Any]) -> Phases:
    """Return a row of the file; a dip within the noise of the measurement counts as flat."""
    return Phases(
        model,
        device,
        tuple(map(float, row["prompt"])),
        tuple(float(share) for share in np.maximum.accumulate(row["peak"])),
        tuple(float(seconds) for seconds in np.maximum.accumulate(row["seconds"])),
        float(row["token_share"]),
        float(row["token_seconds"]),
        row["source"],
    )
