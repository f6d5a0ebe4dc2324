"""Shares moved by what requests are owed."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.serve.shares._fit import Fit, fit_decode, fit_prompt

ROWS = 16  # windows that are remembered and fitted
FORGET = 0.7  # weight of a window over that of the next one, so that an old mix of requests fades; assumed
LEAST = 5  # requests from which a percentile is taken


@dataclass(frozen=True, slots=True)
class _Lane:
    """What a lane's requests take over its share, and what they may take."""

    fit: Fit
    limit: float

    def keeps(self, own: float, other: float) -> bool:
        """Tell whether the model keeps the limit at these shares of the lane and of the other one."""
        return self.fit(own / (own + other)) <= self.limit


@dataclass(frozen=True, slots=True)
class SloController:
    """Once a window, move the shares towards the lane whose limit is broken, as far as a fitted model says.

    The model is TTFT(x) = a1 / (x - lam) + b1 and TPOT(y) = a2 / y + b2 over the normalised shares x / (x + y) and
    y / (x + y); its five numbers are fitted again each window to what the windows showed, and it goes through the
    last. If only prompts are late, their share rises by `step`, or that of the decodes falls if it is 100 already,
    until the model keeps the limit, `max_step` times at most; likewise for decodes. If both limits are broken, or
    none, nothing moves: so says the published text, while its listing looks at prompts first. The defaults are not
    published; they are assumed.

    Wins where the mix of prompts and decodes changes for longer than a few windows; else a good fixed pair is as good.

    Reference: Hong et al., "semi-PD: towards efficient LLM serving via phase-wise disaggregated computation and unified
    storage", 2025.

    Prompts are late, decodes are not, and prompts have all they can get: the decodes give.

    >>> control = SloController(max_step=1)
    >>> late, fast = np.full(9, 2.0), np.full(9, 0.01)
    >>> control.split(100.0, 100.0, late, fast, (1.0, 0.1), control.memory(seed=0, replicas=1))
    (100.0, 95.0)
    """

    window: int = 200
    "Passes of both lanes between two looks."
    percentile: float = 0.9
    "Share of the requests of a window that shall keep a limit."
    step: float = 5.0
    "Percent of the device moved at once."
    max_step: int = 4
    "Steps in one window at most."
    floor: float = 10.0
    "Percent that a lane keeps whatever happens."
    careful: bool = False
    "Whether a lane gives no more than the model says it can spare, and gets back what nobody needs; not published."

    def __post_init__(self) -> None:
        if self.window < 1 or self.max_step < 1:
            raise ValueError(f"window and max_step are at least 1, not {self.window} and {self.max_step}")
        if not 0 < self.percentile < 1:
            raise ValueError(f"percentile is a share between 0 and 1, not {self.percentile}")
        for name in ("step", "floor"):
            if not 0 < getattr(self, name) < 100:
                raise ValueError(f"{name} lies between 0 and 100 percent, not {getattr(self, name)}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return room for the windows seen: their number, then x, y, TTFT and TPOT of each."""
        return np.zeros(1 + 4 * ROWS)

    def split(
        self, x: float, y: float, ttft: Floats, tpot: Floats, limits: tuple[float, float], memory: Floats
    ) -> tuple[float, float]:
        """Return the shares for the next windows."""
        if len(ttft) < LEAST or len(tpot) < LEAST:
            return x, y
        first, pace = (float(np.quantile(times, self.percentile)) for times in (ttft, tpot))
        rows = self._remember(memory, (x, y, first, pace))
        late, slow = first > limits[0], pace > limits[1]
        if late == slow and (late or not self.careful):
            return x, y
        share = rows[:, 0] / (rows[:, 0] + rows[:, 1])
        weights = np.asarray(FORGET ** ((int(memory[0]) - 1 - np.arange(len(rows))) % ROWS), np.float64)
        prompts = _Lane(fit_prompt(share, rows[:, 2], weights).through(x / (x + y), first), limits[0])
        decodes = _Lane(fit_decode(1.0 - share, rows[:, 3], weights).through(y / (x + y), pace), limits[1])
        if late:
            return self._move(x, y, prompts, decodes)
        if slow:
            y, x = self._move(y, x, decodes, prompts)
            return x, y
        back = min(100.0, x + self.step), min(100.0, y + self.step)
        return back if prompts.keeps(*back) and decodes.keeps(*back[::-1]) else (x, y)

    def _move(self, own: float, other: float, late: _Lane, giver: _Lane) -> tuple[float, float]:
        """Return the shares of the late lane and of the other one, after as many steps as the model asks for."""
        for _ in range(self.max_step):
            if late.keeps(own, other):
                break
            raised = min(100.0, own + self.step)
            lowered = other if own < 100.0 else max(self.floor, other - self.step)
            if self.careful and not giver.keeps(lowered, raised):
                break
            own, other = raised, lowered
        return own, other

    def _remember(self, memory: Floats, row: tuple[float, float, float, float]) -> Floats:
        """Write a window into the memory, over the oldest; return all of them."""
        at = int(memory[0]) % ROWS
        memory[1 + 4 * at : 5 + 4 * at] = row
        memory[0] += 1
        return memory[1:].reshape(ROWS, 4)[: min(ROWS, int(memory[0]))]
