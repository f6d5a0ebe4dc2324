"""Passes measured on a real engine."""

from dataclasses import dataclass

import numpy as np

from evenly.core import FilePath, Floats, Ints
from evenly.hardware.calibration.engine import read, short
from evenly.hardware.device import Device
from evenly.hardware.model import Model


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The cost that `evenly calibrate` fitted to the passes of a real engine, whatever model and device are named.

    A curve over the tokens of the pass, attention by pairs and context, something for each request, and the host. It
    holds within the sizes that were measured; larger passes take time in proportion to their tokens.
    """

    path: FilePath
    "File that `evenly calibrate` wrote."

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the figures, flat: host, decode, prompt, pair, context, alone, number of knots, knots, curve.

        Raises `ValueError` that lists every mistake of the file.
        """
        cost = read(self.path).cost
        each = (cost.host, cost.decode + cost.request, cost.prompt + cost.request, cost.pair, cost.context, cost.alone)
        level = cost.level
        return np.array(
            [*(level * value for value in each), len(cost.tokens), *cost.tokens, *(level * s for s in cost.seconds)],
            np.float64,
        )

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; it grows by one more token of context for each decode."""
        tokens = float(decodes)
        pairs = 0.0
        for k in range(len(chunk)):
            tokens += chunk[k]
            pairs += chunk[k] * (before[k] + 0.5 * chunk[k])
        count = int(tables[6])
        last = tables[6 + count]
        if tokens <= tables[7]:
            curve = tables[7 + count]
        elif tokens >= last:
            curve = tables[6 + 2 * count] * tokens / last
        else:
            low = 1
            high = count - 1
            while low < high:
                half = (low + high) // 2
                if tables[7 + half] < tokens:
                    low = half + 1
                else:
                    high = half
            left = tables[6 + low]
            below = tables[6 + count + low]
            curve = below + (tables[7 + count + low] - below) * (tokens - left) / (tables[7 + low] - left)
        requests = tables[1] * decodes + tables[2] * len(chunk)
        first = tables[0] + curve + requests + tables[3] * pairs + tables[4] * resident
        if decodes == 0:
            first += tables[5]
        return first, tables[4] * decodes, 1e18

    def facts(self) -> dict[str, str | int | float]:
        """Return what was measured, where, and how well it is met."""
        found = read(self.path)
        errors = [abs(row.p50) for row in found.residuals]
        return {
            "measured": f"{found.engine}, {found.model}, {found.machine}",
            "passes": found.passes,
            "logs": short(found.sources),
            "started": found.sources[0].started if found.sources else "",
            "largest median error of a kind and size": max(errors, default=0.0),
            "mean over median": found.cost.level,
            "host overhead": found.cost.host,
            "seconds for each request": found.cost.request,
            "untold": "; ".join(found.untold) or "nothing",
        }
