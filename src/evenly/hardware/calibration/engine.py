"""The file that keeps a calibrated engine: its cost model, its limits, and where all of it comes from."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from evenly.core import Document
from evenly.core.document import unstructure
from evenly.core.strict import dump

HEAD = "# Written by `evenly calibrate`; a scenario uses it as `cost: {use: calibrated, path: THIS FILE}`.\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the engine may hold and compute at once."""

    block: int
    "Tokens of a KV block."
    blocks: int
    "KV blocks, the one that vLLM keeps for itself included."
    max_num_seqs: int
    "Requests that run at once."
    max_num_batched_tokens: int
    "Token budget of a pass."
    max_model_len: int
    "Tokens of prompt and output that are accepted."
    enable_prefix_caching: bool = True
    "Whether prompts hit the cache."

    def __post_init__(self) -> None:
        for name in ("block", "blocks", "max_num_seqs", "max_num_batched_tokens", "max_model_len"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Figures:
    """The seconds of a pass: `level` times the sum of what follows."""

    tokens: tuple[int, ...]
    "Sizes of a pass at which the curve bends."
    seconds: tuple[float, ...]
    "The curve at those sizes, straight lines between; below the first it is flat, beyond the last in proportion."
    pair: float
    "Seconds for each pair of a prompt token and a token it attends to."
    context: float
    "Seconds for each token of context that decodes read."
    decode: float
    "Seconds for each decode, beside its token."
    prompt: float
    "Seconds for each prompt piece, beside its tokens."
    alone: float
    "Seconds for a pass without decodes: mostly the first one of an engine that was idle, with cold caches."
    host: float
    "Seconds of each pass outside the model."
    request: float
    "Seconds outside the model for each request in the pass."
    level: float = 1.0
    "Mean over median of the passes: the fit is of the median, requests feel the mean."
    delivery: float = 0.0
    "Seconds that network and server add to a request outside all passes."

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.seconds) or len(self.tokens) < 2:
            raise ValueError(
                f"tokens and seconds pair up, at least two; found {len(self.tokens)} and {len(self.seconds)}"
            )
        if self.tokens[0] < 1 or any(b <= a for a, b in itertools.pairwise(self.tokens)):
            raise ValueError(f"tokens rise from at least 1, not {list(self.tokens)}")
        if self.seconds[0] < 0 or any(b < a for a, b in itertools.pairwise(self.seconds)):
            raise ValueError(f"seconds are at least 0 and never fall, not {list(self.seconds)}")
        for name in ("pair", "context", "decode", "prompt", "alone", "host", "request", "delivery"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")
        if not 0 < self.level < float("inf"):
            raise ValueError(f"level is a positive factor, not {self.level}")
        if self.seconds[0] + self.host + self.request == 0:
            raise ValueError("a pass takes some time: seconds, host and request must not all be 0")


@dataclass(frozen=True, slots=True)
class Bound:
    """The range that holds a figure with 95% confidence."""

    figure: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Residual:
    """How well passes of one kind and size are met."""

    kind: str
    tokens: tuple[int, ...]
    "Least and most tokens of such a pass."
    passes: int
    measured: float
    "Median seconds."
    fitted: float
    "Median seconds of the fit, `level` left out."
    p10: float
    "Tenth percentile of measured over fitted, less 1."
    p50: float
    p90: float
    outliers: int
    "Passes so far off that they do not count for `level`; they are in all other figures."


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was measured."""

    file: str
    sha256: str
    started: str
    passes: int
    error: float
    "Median of measured over fitted, less 1: how far this log's machine was from the median of all."


@dataclass(frozen=True, slots=True)
class Calibration:
    """An engine as it was measured."""

    format: Literal["evenly-engine"]
    version: Literal[1]
    engine: str
    model: str
    machine: str
    policy: str
    limits: Limits | None
    "`null` where the measurement does not tell them."
    cost: Figures
    confidence: tuple[Bound, ...]
    residuals: tuple[Residual, ...]
    sources: tuple[Source, ...]
    untold: tuple[str, ...] = field(default=())
    "What the measurement cannot tell."

    @property
    def passes(self) -> int:
        """Passes that were measured."""
        return sum(source.passes for source in self.sources)


def write(calibration: Calibration) -> str:
    """Return the text of the file."""
    return HEAD + dump(unstructure(calibration))


def read(path: str) -> Calibration:
    """Return the calibration in a file; raise `ValueError` that lists every mistake with line, path and remedy."""
    place = Path(path)
    try:
        stamp = place.stat()
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read: {error.strerror}; write it with `evenly calibrate LOG --out {path}`"
        ) from None
    return _read(place, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=32)  # a sweep asks for the same file again and again
def _read(path: Path, changed: int, size: int) -> Calibration:
    return Document.read(path).structure(Calibration)


def short(sources: Sequence[Source]) -> str:
    """Return the names of the measured files in one line."""
    return ", ".join(Path(source.file).name for source in sources)
