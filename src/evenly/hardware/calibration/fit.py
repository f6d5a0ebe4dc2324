"""Fit the length of a pass to what is in it.

The fit makes the relative errors least, squared up to 10% and as they are beyond, with no coefficient below 0: the
usual pass of each kind is met, and slow ones do not bend it. It is found by reweighted least squares.

Reference: P. J. Huber, "Robust estimation of a location parameter", 1964.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evenly.core import Bools, Floats, Ints
from evenly.hardware.calibration.steps import Steps

LEAST_PASSES = 50  # below that, five figures and their confidence say nothing
TERMS = ("pair", "context", "decode", "prompt", "alone")
"Figures that are one number each, in the order of the columns; the curve over tokens comes before them."
DOUBTFUL = ("alone", "prompt", "decode", "context", "pair")  # given up in this order where figures cannot be told apart
ALIKE = 1e-3  # share of a column that the others do not explain, below which it is not told apart from them
ROUNDS = 20  # of reweighting; the loss then changes by less than 0.1%
FEW = 5  # of them, from a fit near by
SMOOTH = 0.1  # relative error beyond which a pass pulls no harder
KNOTS = 12  # of the curve over tokens, at most
CANDIDATES = 48  # sizes of a pass that may become a knot
BETWEEN = 8  # passes in each stretch between two knots, at least
THIN = 6_000  # passes that choose the knots; more of them choose the same ones
DRAWS = 100  # resamples for the confidence
BLOCK = 20  # neighbouring passes that are drawn together, since slow spells of a machine last
CONFIDENCE = 0.95
FAR = 5.0  # robust standard deviations of the relative error beyond which a pass is an outlier
QUIET = 0.01  # standard deviation that is taken at least: a machine without noise has no outliers of a percent
LOUD = 0.15  # and one above which a log says more of its machine than of its engine
NORMAL = 1.4826  # standard deviation over median absolute deviation of a normal law


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A cost model and how well it holds."""

    knots: Ints
    "Tokens of a pass at which the curve bends."
    curve: Floats
    "Seconds of the model for so many tokens, straight lines between."
    terms: Mapping[str, float]
    "Seconds for each unit of `TERMS`: token pair, context token, decode, prompt piece, pass without decodes."
    host: float
    "Seconds of each pass outside the model."
    request: float
    "Seconds outside the model for each request in the pass."
    level: float
    "Mean over median: measured over fitted seconds of all passes that are no outliers."
    bounds: Mapping[str, tuple[float, float]]
    "95% interval of every figure that is told, by bootstrap over blocks of passes; `curve[k]` for the knots."
    untold: tuple[str, ...]
    "What the log cannot tell, in sentences."
    fitted: Floats
    "Seconds of every pass by the fit, `level` left out: half of the passes take longer."
    outliers: Bools


def fit(steps: Steps, seed: int = 0) -> Fit:
    """Return the cost model of measured passes.

    Where every pass knows its seconds inside the model, host and model are fitted apart. Figures that a log cannot tell
    apart are given up, one after the other, and named in `untold`; what they stand for is then in the figures that are
    left. Raises `ValueError` for too few passes and for passes that all have the same size.
    """
    tokens = _enough(steps)
    split = bool(np.isfinite(steps.computing).all())
    inside = steps.computing if split else steps.seconds
    rest = np.maximum(steps.seconds - inside, 0.0)
    columns = (steps.pairs, steps.context, steps.decodes, steps.prompts, steps.decodes == 0)
    known = {name: np.asarray(column, np.float64) for name, column in zip(TERMS, columns, strict=True)}
    knots = _knots(tokens, known, inside)
    terms, untold = _told_apart(tokens, knots, known)
    model = _columns(tokens, knots, terms)
    host = np.column_stack([np.ones(len(steps)), steps.decodes + steps.prompts])
    beta, gamma = solve(model, inside), solve(host, rest) if split else np.zeros(2)
    fitted = model @ beta + host @ gamma
    outliers, noise = _outliers(steps.seconds / fitted - 1.0)
    figures = np.concatenate([_heights(beta, knots), gamma])
    drawn = _drawn(model, inside, host, rest if split else None, knots, seed)
    names = [*(f"curve[{k}]" for k in knots), *terms, *(("host", "request") if split else ())]
    return Fit(
        knots=knots,
        curve=figures[: len(knots)],
        terms=dict.fromkeys(TERMS, 0.0) | dict(zip(terms, figures[len(knots) : -2].tolist(), strict=True)),
        host=float(gamma[0]),
        request=float(gamma[1]),
        level=float(steps.seconds[~outliers].sum() / fitted[~outliers].sum()),
        bounds=dict(zip(names, _bounds(figures, drawn, len(steps)), strict=False)),  # a hidden host has none
        untold=(*untold, *_unseen(steps, split), *_unquiet(noise)),
        fitted=fitted,
        outliers=outliers,
    )


def _enough(steps: Steps) -> Ints:
    """Return the tokens of each pass; raise `ValueError` for passes that tell nothing."""
    tokens = steps.tokens
    if len(steps) < LEAST_PASSES:
        raise ValueError(f"{len(steps)} passes are too few to fit; log at least {LEAST_PASSES}, at several loads")
    if len(np.unique(tokens)) < 2:
        raise ValueError(f"all {len(steps)} passes compute {tokens[0]} tokens; log a mix of prompts and decodes")
    return tokens


def _outliers(error: Floats) -> tuple[Bools, float]:
    """Return which relative errors are outliers, and the robust standard deviation of all."""
    middle = float(np.median(error))
    noise = NORMAL * float(np.median(np.abs(error - middle)))
    return np.abs(error - middle) > FAR * max(noise, QUIET), noise


def solve(
    columns: Floats, seconds: Floats, count: Floats | None = None, fitted: Floats | None = None, rounds: int = ROUNDS
) -> Floats:
    """Return the coefficients, none below 0, of the least mean relative error.

    `count` says how often a row counts, `fitted` are seconds of a fit near by, from which fewer rounds are enough.

    >>> solve(np.array([[1.0, 1], [1, 2], [1, 3]]), np.array([3.0, 5.0, 7.0])).round(6)
    array([1., 2.])
    """
    times = np.ones(len(seconds)) if count is None else count
    least = 1e-6 * max(float(np.median(seconds)), 1e-12)
    beta = np.zeros(columns.shape[1])
    weight = times / np.maximum(seconds, max(float(np.quantile(seconds, 0.05)), least)) ** 2
    for _ in range(rounds):
        if fitted is not None:
            floor = np.maximum(fitted, least)
            weight = times / (floor**2 * np.maximum(np.abs(seconds / floor - 1.0), SMOOTH))
        beta = _not_negative(columns, seconds, weight)
        fitted = columns @ beta
    return beta


def _not_negative(columns: Floats, seconds: Floats, weight: Floats) -> Floats:
    """Return the weighted least squares without negative coefficients, by the normal equations."""
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    weighed = columns * weight[:, None]
    gram = weighed.T @ columns
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    gram = gram / size / size[:, None] + 1e-12 * np.eye(len(size))
    root = np.linalg.cholesky(gram)
    right = solve_triangular(root, (weighed.T @ seconds) / size, lower=True)
    return np.asarray(nnls(root.T, right)[0] / size)


def _columns(tokens: Ints, knots: Ints, terms: Mapping[str, Floats]) -> Floats:
    """Return one column for the floor, one for the rise of each stretch between knots, and one for each term."""
    ends = np.diff(knots)
    rises = [np.clip(tokens - knot, 0, end) for knot, end in zip(knots[:-1], ends, strict=True)]
    return np.column_stack([np.ones(len(tokens)), *rises, *terms.values()]).astype(np.float64)


def _heights(beta: Floats, knots: Ints) -> Floats:
    """Return the curve at the knots, then the other coefficients."""
    count = len(knots)
    return np.concatenate([beta[0] + np.concatenate([[0.0], np.cumsum(beta[1:count] * np.diff(knots))]), beta[count:]])


def _knots(tokens: Ints, terms: Mapping[str, Floats], seconds: Floats) -> Ints:
    """Return where the curve bends: the knot that helps most is added until none pays for itself (AIC)."""
    thin = slice(None, None, max(1, len(tokens) // THIN))
    few, some, length = tokens[thin], {name: column[thin] for name, column in terms.items()}, seconds[thin]
    sizes = np.unique(few)
    picked = np.unique(np.geomspace(1, len(sizes), CANDIDATES).round().astype(np.int64) - 1)
    candidates = [int(size) for size in sizes[picked]]
    knots = [int(sizes[0]), int(sizes[-1])]
    best = _criterion(few, np.array(knots), some, length)
    while len(knots) < KNOTS:
        tried = {}
        for candidate in candidates:
            longer = np.array(sorted({*knots, candidate}))
            inside = np.histogram(few, [*longer[:-1], longer[-1] + 1])[0]
            if len(longer) > len(knots) and inside.min() >= BETWEEN:
                tried[candidate] = _criterion(few, longer, some, length)
        if not tried or min(tried.values()) >= best:
            break
        added = min(tried, key=lambda size: tried[size])
        best = tried[added]
        knots = sorted([*knots, added])
    return np.array(knots, np.int64)


def _criterion(tokens: Ints, knots: Ints, terms: Mapping[str, Floats], seconds: Floats) -> float:
    """Return Akaike's information criterion under Laplace's law of errors."""
    columns = _columns(tokens, knots, terms)
    fitted = columns @ solve(columns, seconds, rounds=FEW)
    loss = float(np.abs(seconds / np.maximum(fitted, 1e-12) - 1.0).mean())
    count = len(seconds)
    return 2.0 * count * float(np.log(max(loss, 1e-9))) + 2.0 * len(knots)


def _told_apart(tokens: Ints, knots: Ints, terms: Mapping[str, Floats]) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Return the terms that the passes can tell apart, and sentences on the others."""
    left = {name: column for name, column in terms.items() if column.any()}
    told = []
    for name in DOUBTFUL:
        if name not in left:
            continue
        others = _columns(tokens, knots, {other: column for other, column in left.items() if other != name})
        column = left[name] / np.linalg.norm(left[name])
        rest = column - others @ np.linalg.lstsq(others, column, rcond=None)[0]
        share = float(np.linalg.norm(rest) ** 2)
        if share < ALIKE:
            near = {other: abs(_likeness(left[name], left[other])) for other in left if other != name}
            near["tokens"] = abs(_likeness(left[name], tokens.astype(np.float64)))
            twin = max(near, key=lambda other: near[other])
            told.append(
                f"{name} moves with {twin} (all but {share:.1g} of it), so it is not told apart: its seconds stand "
                f"in the other figures"
            )
            del left[name]
    return left, tuple(told)


def _likeness(one: Floats, other: Floats) -> float:
    spread = float(one.std() * other.std())
    return float(np.mean((one - one.mean()) * (other - other.mean()))) / spread if spread > 0 else 0.0


def _drawn(model: Floats, inside: Floats, host: Floats, rest: Floats | None, knots: Ints, seed: int) -> Floats:
    """Return the figures of resampled logs, a row each; blocks of passes are drawn."""
    chance = np.random.default_rng(seed)
    count = len(inside)
    block = _block(count)
    starts = -(-count // block)
    near = model @ solve(model, inside)
    around = host @ solve(host, rest) if rest is not None else None
    drawn = []
    for _ in range(DRAWS):
        times = np.bincount(chance.integers(0, starts, starts), minlength=starts)
        often = np.repeat(times, block)[:count].astype(np.float64)
        beta = solve(model, inside, often, near, FEW)
        gamma = solve(host, rest, often, around, FEW) if rest is not None else np.zeros(2)
        drawn.append(np.concatenate([_heights(beta, knots), gamma]))
    return np.array(drawn)


def _bounds(figures: Floats, drawn: Floats, count: int) -> list[tuple[float, float]]:
    """Return the interval of every figure: as many standard deviations of the resamples as Student's law asks."""
    from scipy.stats import t

    reach = float(t.ppf((1 + CONFIDENCE) / 2, max(1, -(-count // _block(count)) - 1))) * drawn.std(axis=0, ddof=1)
    low, high = np.maximum(figures - reach, 0.0).tolist(), (figures + reach).tolist()
    return list(zip(low, high, strict=True))


def _block(count: int) -> int:
    return min(BLOCK, max(1, count // 20))


def _unquiet(noise: float) -> list[str]:
    if noise <= LOUD:
        return []
    return [f"the passes scatter by {noise:.0%} around the fit: calibrate again on a machine that does nothing else"]


def _unseen(steps: Steps, split: bool) -> list[str]:
    told = []
    if not len(steps.chunk):
        told.append("no pass computes a prompt: prompts are priced like decodes")
    if not steps.decodes.any():
        told.append("no pass computes decodes: they are priced like prompts")
    if not split:
        told.append("host and model were not measured apart: the host's seconds stand in the curve")
    return told
