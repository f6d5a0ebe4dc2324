"""The two curves of a controller of shares, fitted by weighted least squares."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.core import Floats

POLES = 200  # positions of the pole that are tried
NEAR = 0.02  # share; closer to its pole a curve is not believed, nor asked


@dataclass(frozen=True, slots=True)
class Fit:
    """Seconds over a share: a / (share - lam) + b, bounded near the pole."""

    a: float
    lam: float
    b: float
    r2: float = 1.0
    "Share of the variance that the curve explains."

    def __call__(self, share: float) -> float:
        """Return the seconds at a share.

        >>> Fit(a=0.5, lam=0.25, b=0.1)(0.75)
        1.1
        """
        return self.a / max(share - self.lam, NEAR) + self.b

    def through(self, share: float, seconds: float) -> "Fit":
        """Return the curve moved up or down so that it goes through one point.

        >>> Fit(a=0.5, lam=0.25, b=0.1).through(0.75, 2.0)(0.75)
        2.0
        """
        return replace(self, b=self.b + seconds - self(share))


def fit_decode(share: Floats, seconds: Floats, weights: Floats) -> Fit:
    """Return the curve a2 / y + b2 of the time a token; a2 is at least 0.

    >>> share = np.array([0.2, 0.4, 0.8])
    >>> found = fit_decode(share, 0.03 / share + 0.02, np.ones(3))
    >>> round(found.a, 6), round(found.b, 6), round(found.r2, 6)
    (0.03, 0.02, 1.0)
    """
    return _curve(share, seconds, weights, 0.0)


def fit_prompt(share: Floats, seconds: Floats, weights: Floats) -> Fit:
    """Return the curve a1 / (x - lam) + b1 of the time to the first token; `lam` lies below every share seen.

    The curve blows up at `lam`, the share at which the prompts' queue has no end, so `lam` is the one of a grid that
    leaves the smallest error, the smallest of several.
    """
    most = max(0.0, float(share.min()) - NEAR)
    curves = [_curve(share, seconds, weights, float(lam)) for lam in np.linspace(0.0, most, POLES)]
    return max(curves, key=lambda curve: round(curve.r2, 12))


def _curve(share: Floats, seconds: Floats, weights: Floats, lam: float) -> Fit:
    root = np.sqrt(weights)
    steep = 1.0 / np.maximum(share - lam, NEAR)
    a, b = np.linalg.lstsq(np.stack([steep, np.ones_like(steep)], axis=1) * root[:, None], seconds * root, rcond=1e-9)[
        0
    ]
    mean = float(np.average(seconds, weights=weights))
    if a < 0:  # noise: a larger share makes nothing slower
        a, b = 0.0, mean
    left = float(np.sum(weights * (seconds - a * steep - b) ** 2))
    spread = float(np.sum(weights * (seconds - mean) ** 2))
    return Fit(float(a), lam, float(b), 1.0 - left / spread if spread > 0 else 1.0)
