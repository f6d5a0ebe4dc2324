"""A workload as a model: fitted to a trace, drawn again at any rate and length, kept in a file without requests."""

import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from evenly.core import Document, Floats, Ints, Trace
from evenly.traces.arrivals import DAY, Windows, fit, silences

POOL = 1000  # requests around a time that stand for the requests of that time
STEPS = 1000  # steps of the quantiles in a model file
CELLS = 20  # rows and columns of the table that says how prompt and output go together
DIGITS = 6  # of the figures in a model file
MARK = "evenly-workload"


class Requests(Protocol):
    """Everything of requests but their arrivals."""

    def columns(self, arrival: Floats, chance: np.random.Generator) -> dict[str, Any]:
        """Return columns of a `Trace` for requests that arrive at these times of the model."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Requests drawn again from those recorded around the same time, whole rows: lengths, user, failure, labels."""

    trace: Trace

    def columns(self, arrival: Floats, chance: np.random.Generator) -> dict[str, Any]:
        """Return the columns of randomly chosen rows among the thousand nearest in time."""
        count = len(self.trace)
        pool = min(POOL, count)
        place = np.searchsorted(self.trace.arrival - self.trace.arrival[0], arrival)
        low = np.clip(place - pool // 2, 0, count - pool)
        row = low + (chance.random(len(arrival)) * pool).astype(np.int64)
        kept: dict[str, Any] = {
            name: getattr(self.trace, name)[row]
            for name in ("prompt", "output", "user", "failed")
            if getattr(self.trace, name) is not None
        }
        return kept | {"extra": {name: column[row] for name, column in self.trace.extra.items()}}


@dataclass(frozen=True, slots=True)
class Ranks:
    """Requests by their distribution only: quantiles of the lengths, and how often their ranks meet."""

    prompt: tuple[float, ...]
    "Quantiles of the prompt at even steps from 0 to 1, in tokens."
    output: tuple[float, ...]
    "Quantiles of the output."
    joint: tuple[tuple[float, ...], ...]
    "Share of the requests whose prompt (row) and output (column) lie in these parts of their distributions."
    failed: float = 0.0
    "Share of the requests that fail."
    users: tuple[float, ...] = ()
    "Share of the requests of each user; empty if users are unknown."

    def __post_init__(self) -> None:
        for name, steps in (("prompt", self.prompt), ("output", self.output)):
            if len(steps) < 2 or min(steps) < 1 or np.any(np.diff(steps) < 0):
                raise ValueError(f"{name}: at least 2 quantiles of 1 token and more that do not decrease")
        if not self.joint or any(len(row) != len(self.joint) for row in self.joint):
            raise ValueError("joint: as many columns as rows, at least 1")
        for name, shares in (("joint", [s for row in self.joint for s in row]), ("users", [*self.users, 0.0])):
            if min(shares) < 0 or (name == "joint" and sum(shares) <= 0):
                raise ValueError(f"{name}: shares are at least 0, one of them above")
        if not 0 <= self.failed < 1:
            raise ValueError(f"failed is a share below 1, not {self.failed}")

    @classmethod
    def of(cls, trace: Trace) -> "Ranks":
        """Return the distribution of a trace's requests."""
        good = (trace.prompt > 0) & (trace.output > 0)
        if trace.failed is not None:
            good &= ~trace.failed
        if not good.any():
            raise ValueError(f"{trace.origin or 'the trace'}: no request has both prompt and output")
        prompt, output = trace.prompt[good], trace.output[good]
        steps = np.linspace(0.0, 1.0, STEPS + 1)
        cells = [_ranks(column) * CELLS // len(column) for column in (prompt, output)]
        joint = np.bincount(cells[0] * CELLS + cells[1], minlength=CELLS**2).reshape(CELLS, CELLS) / len(prompt)
        users = (
            np.bincount(trace.user) / len(trace) if trace.user is not None and trace.user.min() >= 0 else np.empty(0)
        )
        return cls(
            tuple(np.quantile(prompt, steps).tolist()),
            tuple(np.quantile(output, steps).tolist()),
            tuple(tuple(row) for row in joint.tolist()),
            1.0 - float(good.mean()),
            tuple(users.tolist()),
        )

    def columns(self, arrival: Floats, chance: np.random.Generator) -> dict[str, Any]:
        """Return lengths, failures and users; the time changes nothing."""
        count = len(arrival)
        total = np.cumsum(np.array(self.joint, np.float64).ravel())
        cell = np.searchsorted(total, chance.random(count) * total[-1], side="right")
        ranks = (np.stack(np.divmod(cell, len(self.joint))) + chance.random((2, count))) / len(self.joint)
        kept: dict[str, Any] = {
            name: np.rint(np.interp(rank, np.linspace(0.0, 1.0, len(steps)), steps)).astype(np.int64)
            for name, rank, steps in (("prompt", ranks[0], self.prompt), ("output", ranks[1], self.output))
        }
        if self.failed:
            kept["failed"] = chance.random(count) < self.failed
            kept["output"] = np.where(kept["failed"], 0, kept["output"])
        if self.users:
            kept["user"] = chance.choice(len(self.users), count, p=np.array(self.users) / sum(self.users))
        return kept


@dataclass(frozen=True, slots=True)
class Turns:
    """How requests hang together in sessions."""

    sizes: tuple[float, ...]
    "Share of the sessions with 1, 2, 3... turns."
    think: float
    "Mean seconds between two requests of a session."
    share: float = 1.0
    "Share of the requests that belong to sessions."

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 0 or sum(self.sizes) <= 0:
            raise ValueError("sizes: shares of sessions with 1, 2, 3... turns, at least 0, one of them above")
        if not (0 <= self.think < float("inf") and 0 <= self.share <= 1):
            raise ValueError(f"think is at least 0 s and share 0 to 1, not {self.think} and {self.share}")

    @classmethod
    def of(cls, trace: Trace) -> "Turns | None":
        """Return the sessions of a trace; `None` if it names none."""
        if trace.session is None or trace.session.max(initial=-1) < 0:
            return None
        inside = np.flatnonzero(trace.session >= 0)
        order = inside[np.argsort(trace.session[inside], kind="stable")]
        sizes = np.bincount(np.unique(trace.session[inside], return_counts=True)[1])[1:]
        gap = np.diff(trace.arrival[order])[np.diff(trace.session[order]) == 0]
        think = float(gap.mean()) if len(gap) else 0.0
        return cls(tuple((sizes / sizes.sum()).tolist()), think, len(inside) / len(trace))

    def sessions(self, arrival: Floats, chance: np.random.Generator) -> Ints:
        """Return the session of each request, -1 for none.

        Turns are laid out in time, and the k-th turn of all becomes the k-th request, so arrivals stay as they are.
        """
        inside = np.flatnonzero(chance.random(len(arrival)) < self.share)
        count = len(inside)
        session = np.full(len(arrival), -1, np.int64)
        if count == 0:
            return session
        total = np.cumsum(self.sizes)
        size = 1 + np.searchsorted(total, chance.random(count) * total[-1], side="right")
        size = size[: np.searchsorted(np.cumsum(size), count) + 1]
        of = np.repeat(np.arange(len(size)), size)
        first = np.cumsum(size) - size
        begin = arrival[inside[np.sort(chance.integers(0, count, len(size)))]]
        pause = chance.exponential(self.think, len(of)) if self.think else np.zeros(len(of))
        pause[first] = 0.0
        since = np.cumsum(pause)
        time = begin[of] + since - since[first][of]
        session[inside] = of[np.argsort(time, kind="stable")[:count]]
        return session


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """When requests arrive, what they are, and how they hang together.

    >>> trace = Trace(np.arange(100.0), np.full(100, 7), np.full(100, 3))
    >>> again = Workload.fit(trace, window=10.0).trace(seed=1)
    >>> 50 < len(again) < 200, set(again.prompt.tolist())
    (True, {7})
    """

    windows: Windows
    requests: Requests
    turns: Turns | None = None
    origin: str = ""

    @classmethod
    def fit(cls, trace: Trace, window: float = 60.0) -> "Workload":
        """Return the model of a trace; shared prefixes and who waits for whom are not modelled.

        Warns of stretches in which nothing was recorded. Raises `ValueError` for a trace without requests or times.
        """
        name = trace.origin or "the trace"
        if len(trace) == 0:
            raise ValueError(f"{name}: no request, so there is nothing to fit")
        try:
            windows = fit(trace.arrival - trace.arrival[0], window)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        holes = silences(trace.arrival)
        if holes:
            days = sum(end - begin for begin, end in holes) / DAY
            warnings.warn(
                f"{name}: nothing was recorded for {days:.3g} days, the first from {holes[0][0]:.6g} s on; "
                "they are not fitted, and filled from the nearest day at the same time",
                stacklevel=2,
            )
        return cls(windows, Recorded(trace), Turns.of(trace), trace.origin)

    def trace(self, seed: int) -> Trace:
        """Return a trace as long as the model; the same seed gives the same trace."""
        chance = np.random.default_rng(seed)
        return self.at(self.windows.filled().draw(chance), chance)

    def at(self, arrival: Floats, chance: np.random.Generator, start: float = 0.0) -> Trace:
        """Return requests that arrive at the given times, which count from second `start` of the model."""
        columns = self.requests.columns(self.windows.fold(arrival + start), chance)
        session = self.turns.sessions(arrival, chance) if self.turns is not None else None
        return Trace(arrival, **columns, session=session, origin=self.origin)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON: counts, shapes, quantiles and shares, no single request."""
        requests = Ranks.of(self.requests.trace) if isinstance(self.requests, Recorded) else self.requests
        assert isinstance(requests, Ranks)
        count = np.where(np.isnan(self.windows.count), -1.0, self.windows.count)
        saved = _Saved(
            self.windows.width,
            tuple(count.tolist()),
            tuple(self.windows.shape.tolist()),
            requests,
            self.turns,
            self.origin,
        )
        Path(path).write_text(json.dumps({"format": MARK, **_short(asdict(saved))}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Workload":
        """Read a model that `save` wrote; raise `ValueError` that names file, field, value and remedy."""
        try:
            raw = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: not a model of a workload: {error}; write it with Workload.save") from None
        if not isinstance(raw, dict) or raw.pop("format", None) != MARK:
            raise ValueError(f"{path}: no model of a workload; its format is not '{MARK}'")
        saved = Document(raw, str(path)).structure(_Saved)
        count = np.array(saved.count)
        try:
            windows = Windows(saved.window, np.where(count < 0, np.nan, count), np.array(saved.shape))
        except ValueError as error:
            raise ValueError(f"{path}: {error} @ window, count, shape") from None
        return cls(windows, saved.requests, saved.turns, saved.origin)


def is_model(path: str | Path) -> bool:
    """Tell from the beginning of a file whether it is a model that `Workload.save` wrote."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.read(2 * len(MARK) + 16)


@dataclass(frozen=True, slots=True)
class _Saved:
    """What a model file holds."""

    window: float
    count: tuple[float, ...]
    shape: tuple[float, ...]
    requests: Ranks
    turns: Turns | None = None
    origin: str = ""


def _ranks(column: Ints) -> Ints:
    """Return the rank of each value from 0; equal values are ranked at random."""
    lottery = np.random.default_rng(0).random(len(column))
    rank = np.empty(len(column), np.int64)
    rank[np.lexsort((lottery, column))] = np.arange(len(column))
    return rank


def _short(value: Any) -> Any:
    """Return nested values with floats of six digits."""
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_short(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
