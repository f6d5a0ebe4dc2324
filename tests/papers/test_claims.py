"""Every published figure: recorded inside its band or as a known miss, and shown again by a run of today.

What is recorded rests on five seeds. One of them is run here; the others are where it is in doubt, and all of them in
`make thorough`.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from evenly.papers.evidence import Claim, Paper, names, read
from evenly.papers.reproduce import SEEDS, Row, exit_code, judge, reproduce, rows

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"
DRIFT = 0.05  # by how much a recorded figure may differ from a fresh one before the pages must be refreshed
ROUNDING = 0.02

pytestmark = pytest.mark.paper


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the rows that the pages show, in the order of the claims."""
    found: list[dict[str, Any]] = json.loads((EVIDENCE / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", names())
def test_every_recorded_claim_is_inside_its_band_or_a_known_miss(name: str) -> None:
    paper, shown = read(name), recorded(name)
    wanted = [(claim.setting, claim.metric) for claim in paper.claims]
    assert [(row["setting"], row["metric"]) for row in shown] == wanted, "run `python -m tools.evidence`"
    for claim, row in zip(paper.claims, shown, strict=True):
        if row["verdict"] == "skipped":  # what it needs is not where the pages are made
            continue
        edges = [edge for edge in (claim.low, claim.high) if math.isclose(edge, row["ours"], rel_tol=1e-5)]
        judged = judge(paper, claim, [{claim.key: edges[0] if edges else row["ours"]}])  # six digits are recorded
        assert judged.verdict == row["verdict"], claim
        assert row["verdict"] in ("inside", "known miss"), claim
        assert claim.elapsed or not claim.known_miss or row["verdict"] == "known miss", "the excuse outlived its miss"
        assert row["seeds"] == 1 or row["seeds"] >= SEEDS, claim


@dataclass(frozen=True, slots=True)
class Sample:
    """What the first seed shows of a paper, beside what is recorded."""

    paper: Paper
    rows: list[Row]
    recorded: list[dict[str, Any]]

    def whole(self, claim: Claim) -> Row:
        """Return the row of a claim from all seeds."""
        return rows(replace(self.paper, claims=(claim,)), range(SEEDS))[0]


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.slow) for name in names()])
def sample(request: pytest.FixtureRequest) -> Sample:
    paper = read(request.param)
    return Sample(paper, rows(paper, [0]), recorded(request.param))


def test_a_run_of_today_shows_what_is_recorded(sample: Sample) -> None:
    wrong, skipped = [], []
    for claim, row, shown in zip(sample.paper.claims, sample.rows, sample.recorded, strict=True):
        if row.verdict == "skipped":
            skipped.append(row.reason)
        elif not claim.elapsed and not alike(claim, row, shown) and (not claim.measured or differs(sample, claim)):
            wrong.append((row, shown))
    assert wrong == [], "if they are right, run `python -m tools.evidence`"
    if skipped:
        pytest.skip(f"{len(skipped)} of {len(sample.rows)} claims of {sample.paper.name}: {skipped[0]}")


def alike(claim: Claim, row: Row, shown: dict[str, Any]) -> bool:
    """Return whether one seed shows what is recorded: a figure among those of all seeds, or the verdict of a time."""
    if claim.measured:
        return bool(row.verdict == shown["verdict"])
    if row.ours is None or shown["ours"] is None:
        return row.ours is None and shown["ours"] is None
    low, high = (float(shown[name]) for name in ("least", "most"))
    return low - max(ROUNDING, DRIFT * abs(low)) <= row.ours <= high + max(ROUNDING, DRIFT * abs(high))


def differs(sample: Sample, claim: Claim) -> bool:
    """Return whether the mean over all seeds gives another verdict; a single time scatters."""
    shown = {(row["setting"], row["metric"]): row["verdict"] for row in sample.recorded}
    return bool(sample.whole(claim).verdict != shown[claim.setting, claim.metric])


@pytest.mark.thorough
@pytest.mark.parametrize("name", names())
def test_all_seeds_show_what_is_recorded(name: str) -> None:
    paper, found = read(name), reproduce(name)
    examined = []
    for claim, row, shown in zip(paper.claims, found, recorded(name), strict=True):
        if row.verdict == "skipped" or claim.elapsed:
            continue
        examined.append(row)
        assert row.verdict == shown["verdict"], row
        assert claim.measured or row.ours == pytest.approx(shown["ours"], rel=DRIFT, abs=ROUNDING), row
    assert exit_code(examined) == 0
