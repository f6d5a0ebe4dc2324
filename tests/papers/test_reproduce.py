"""The judge of evidence: verdicts, spread, exit codes."""

import io
import json
from pathlib import Path

import pytest

from evenly.papers.reproduce import Row, exit_code, reproduce
from evenly.papers.table import table
from tests.papers.test_evidence import write

CLAIMS = """
title: "A scheduler"
authors: "A. Author"
year: 2024
link: https://example.org/paper
licence: "no data"
about: Shares work.
claims:
  - {setting: s, metric: in, low: 1.0, high: 2.0, source: t, measure: many, key: rising, paper: 1.3, unit: x}
  - {setting: s, metric: out, low: 5.0, high: .inf, source: t, measure: many, key: rising}
  - {setting: s, metric: missed, low: 5.0, high: .inf, source: t, measure: many, key: rising, known_miss: too slow}
  - {setting: s, metric: exact, low: 3.0, high: 3.0, source: t, measure: exact}
  - {setting: s, metric: absent, low: 3.0, high: 3.0, source: t, measure: absent}
  - {setting: s, metric: undefined, low: 0.0, high: 9.0, source: t, measure: undefined}
"""
CODE = """
from evenly.papers.reproduce import Skipped

calls = []

def many(seed):
    calls.append(seed)
    return {"rising": 1.0 + seed / 10}

def exact():
    return 3.0

def absent(seed):
    raise Skipped("no data set here")

def undefined(seed):
    return float("nan")
"""


def rows(folder: Path, jobs: int = 1) -> dict[str, Row]:
    return {row.metric: row for row in reproduce(write(folder, CLAIMS, CODE), jobs=jobs)}


def test_a_row_shows_mean_spread_band_and_verdict(tmp_path: Path) -> None:
    row = rows(tmp_path)["in"]
    assert row.ours == pytest.approx(1.2)
    assert (row.least, row.most, row.seeds) == (1.0, 1.4, 5)
    assert (row.paper, row.low, row.high, row.verdict) == (1.3, 1.0, 2.0, "inside")


def test_verdicts_tell_a_declared_miss_from_an_undeclared_one(tmp_path: Path) -> None:
    found = rows(tmp_path)
    assert found["out"].verdict == "outside"
    assert (found["missed"].verdict, found["missed"].reason) == ("known miss", "too slow")
    assert (found["absent"].verdict, found["absent"].reason) == ("skipped", "no data set here")
    assert found["undefined"].verdict == "outside", "NaN lies in no band"


def test_a_measure_without_chance_runs_once(tmp_path: Path) -> None:
    row = rows(tmp_path)["exact"]
    assert (row.seeds, row.verdict) == (1, "inside")


def test_one_run_a_seed_serves_all_claims_that_read_it(tmp_path: Path) -> None:
    text = CLAIMS.replace("key: rising}", "key: calls}").replace("key: rising", "key: calls")
    code = CODE.replace('{"rising": 1.0 + seed / 10}', '{"calls": float(len(calls))}')
    found = {row.metric: row for row in reproduce(write(tmp_path, text, code))}
    assert found["in"].most == found["out"].most == 5.0


def test_several_processes_give_the_same_rows(tmp_path: Path) -> None:
    assert rows(tmp_path, jobs=2) == rows(tmp_path)


@pytest.mark.parametrize(
    ("metrics", "code"),
    [(["in", "exact", "missed"], 0), (["in", "out"], 1), (["in", "absent"], 1), (["undefined"], 1)],
)
def test_exit_code_is_zero_only_without_undeclared_misses(tmp_path: Path, metrics: list[str], code: int) -> None:
    found = rows(tmp_path)
    assert exit_code([found[metric] for metric in metrics]) == code


def test_json_is_strict_and_carries_what_a_reader_needs(tmp_path: Path) -> None:
    text = json.dumps([row.as_json() for row in rows(tmp_path).values()], allow_nan=False)
    wanted = {"system", "setting", "metric", "paper", "ours", "low", "high", "verdict", "source"}
    assert all(wanted <= set(entry) for entry in json.loads(text))


def test_fewer_than_five_seeds_are_no_evidence() -> None:
    with pytest.raises(ValueError, match="at least 5 seeds, not 4"):
        reproduce("fastgen", seeds=4)


def test_progress_counts_runs_not_claims(tmp_path: Path) -> None:
    seen: list[tuple[float, float]] = []
    reproduce(write(tmp_path, CLAIMS, CODE), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 16)
    assert seen[-1] == (16, 16)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'many' returns rising, not 'falling'"):
        reproduce(write(tmp_path, CLAIMS.replace("key: rising", "key: falling"), CODE))


def test_the_table_shows_every_claim_and_why_it_misses(tmp_path: Path) -> None:
    from rich.console import Console

    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(table(list(rows(tmp_path).values())))
    text = console.export_text()
    for words in ("1.2", "1 to 1.4", "1 to 2", ">= 5", "known miss: too slow", "no data set here", "exact"):
        assert words in text
