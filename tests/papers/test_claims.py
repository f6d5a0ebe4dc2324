"""Every published figure, over five seeds: inside its band, or declared as a known miss."""

import json
from pathlib import Path

import pytest

from evenly.papers.evidence import names, read
from evenly.papers.reproduce import Row, exit_code, reproduce

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"
DRIFT = 0.05  # by how much a recorded figure may differ from a fresh one before the pages must be refreshed

pytestmark = [pytest.mark.paper, pytest.mark.slow]


@pytest.fixture(scope="module", params=names())
def rows(request: pytest.FixtureRequest) -> list[Row]:
    return reproduce(request.param)


def elapsed(rows: list[Row]) -> set[tuple[str, str]]:
    """Return the claims of rows that hang on elapsed time."""
    return {(claim.setting, claim.metric) for claim in read(rows[0].system).claims if claim.elapsed}


def test_every_claim_is_inside_its_band_or_a_known_miss(rows: list[Row]) -> None:
    moved = elapsed(rows)
    rows = [row for row in rows if (row.setting, row.metric) not in moved]
    examined = [row for row in rows if row.verdict != "skipped"]
    assert exit_code(examined) == 0, [row for row in examined if row.verdict == "outside"]
    if len(examined) < len(rows):
        reason = next(row.reason for row in rows if row.verdict == "skipped")
        pytest.skip(f"{len(rows) - len(examined)} of {len(rows)} claims of {rows[0].system}: {reason}")


def test_no_excuse_outlives_its_miss(rows: list[Row]) -> None:
    excused = {(c.setting, c.metric) for c in read(rows[0].system).claims if c.known_miss and not c.elapsed}
    inside = {(row.setting, row.metric) for row in rows if row.verdict == "inside"}
    assert not excused & inside


def test_the_figures_on_the_site_are_fresh(rows: list[Row]) -> None:
    path = EVIDENCE / f"{rows[0].system}.json"
    recorded = {(row["setting"], row["metric"]): row for row in json.loads(path.read_text(encoding="utf-8"))}
    assert list(recorded) == [(row.setting, row.metric) for row in rows], "run `python -m tools.evidence`"
    timed = [claim.measured for claim in read(rows[0].system).claims]
    moved = elapsed(rows)
    for row, differs in zip(rows, timed, strict=True):
        if row.verdict == "skipped" or (row.setting, row.metric) in moved:
            continue
        shown = recorded[row.setting, row.metric]
        assert shown["verdict"] == row.verdict
        if not differs:
            assert shown["ours"] == pytest.approx(row.ours, rel=DRIFT, abs=0.02)
