"""Run the claims of a paper over several seeds and judge ours against the band."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evenly.core.scenario import Progress, silent
from evenly.papers.evidence import Claim, Paper, measure_beside, measure_of, read, takes_seed

SEEDS = 5  # least number of seeds that evidence rests on

Verdict = Literal["inside", "known miss", "outside", "skipped"]


class Skipped(Exception):  # noqa: N818 it is not an error: something that the claim needs is absent
    """A measure cannot run here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One claim beside our figure."""

    system: str
    setting: str
    metric: str
    unit: str
    paper: float | None
    ours: float | None
    "Mean over the seeds; null where skipped."
    least: float | None
    "Smallest value of any seed."
    most: float | None
    "Greatest value of any seed."
    seeds: int
    "Number of seeds; 1 where the figure does not depend on chance."
    low: float | None
    high: float | None
    verdict: Verdict
    source: str
    reason: str = ""
    "Why the claim misses its band or was skipped."

    def as_json(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold: infinite bounds and missing figures are null."""
        return {name: getattr(self, name) for name in self.__slots__}


def reproduce(name: str, seeds: int = SEEDS, jobs: int = 1, progress: Progress = silent) -> list[Row]:
    """Return one row a claim of the paper `name`.

    Each measure runs once a seed, whatever the number of claims that read it; `jobs` processes share the runs.
    Raises `ValueError` for fewer than five seeds and for a paper that does not exist.
    """
    if seeds < SEEDS:
        raise ValueError(f"evidence rests on at least {SEEDS} seeds, not {seeds}")
    return rows(read(name), range(seeds), jobs, progress)


def rows(paper: Paper, seeds: Sequence[int], jobs: int = 1, progress: Progress = silent) -> list[Row]:
    """Return one row a claim from the runs of these seeds, also of fewer than evidence rests on."""
    runs = [
        (measure, seed)
        for measure in dict.fromkeys(claim.measure for claim in paper.claims)
        for seed in (seeds if takes_seed(measure_of(paper, measure)) else [-1])
    ]
    found: dict[str, list[Mapping[str, float] | str]] = {}
    progress(0, len(runs))
    for done, ((measure, _), figures) in enumerate(zip(runs, _run_all(paper.path, runs, jobs), strict=True), 1):
        found.setdefault(measure, []).append(figures)
        progress(done, len(runs))
    return [judge(paper, claim, found[claim.measure]) for claim in paper.claims]


def judge(paper: Paper, claim: Claim, runs: Iterable[Mapping[str, float] | str]) -> Row:
    """Return the row of a claim from the figures of all seeds; text in place of figures says why a run was skipped."""
    values = []
    skipped = ""
    for figures in runs:
        if isinstance(figures, str):
            skipped = figures
        elif claim.key not in figures:
            raise ValueError(f"{paper.name}: '{claim.measure}' returns {', '.join(figures)}, not '{claim.key}'")
        else:
            values.append(float(figures[claim.key]))
    ours = sum(values) / len(values) if values and not skipped else None
    verdict, reason = _verdict(claim, ours, skipped)
    return Row(
        paper.name,
        claim.setting,
        claim.metric,
        claim.unit,
        claim.paper,
        _finite(ours),
        _finite(min(values, default=None)),
        _finite(max(values, default=None)),
        len(values),
        _finite(claim.low),
        _finite(claim.high),
        verdict,
        claim.source,
        reason,
    )


def exit_code(rows: Iterable[Row]) -> int:
    """Return 0 if every claim is inside its band or a declared miss, else 1."""
    return int(any(row.verdict in ("outside", "skipped") for row in rows))


def _verdict(claim: Claim, ours: float | None, skipped: str) -> tuple[Verdict, str]:
    if ours is None:
        return "skipped", skipped
    if claim.holds(ours):
        return "inside", ""
    if claim.known_miss:
        return "known miss", " ".join(claim.known_miss.split())
    return "outside", ""


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _run_all(reference: str, runs: list[tuple[str, int]], jobs: int) -> Iterable[Mapping[str, float] | str]:
    if jobs == 1:
        return (_run(reference, measure, seed) for measure, seed in runs)
    from joblib import Parallel, delayed

    call: Callable[..., Any] = delayed(_run)
    results: Iterable[Mapping[str, float] | str] = Parallel(n_jobs=jobs, return_as="generator")(
        call(reference, measure, seed) for measure, seed in runs
    )
    return results


def _run(reference: str, measure: str, seed: int) -> Mapping[str, float] | str:
    function = measure_beside(reference, measure)
    try:
        figures = function(seed) if takes_seed(function) else function()
    except Skipped as missing:
        return str(missing)
    return figures if isinstance(figures, Mapping) else {"": float(figures)}
