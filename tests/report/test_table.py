"""The table in a terminal."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from evenly.core import Metric, Outcome
from evenly.report import table
from evenly.serve.metrics import METRICS
from tests.report.samples import empty, outcome

SWEEP = [outcome(f"{name} trace.rate={rate}", rate, slow=rate) for name in ("a", "b") for rate in (1, 2, 4)]


def printed(outcomes: Sequence[Outcome] = (), width: int = 120, colour: bool = False) -> str:
    """Return what a terminal of so many columns shows."""
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    console.print(table.render(outcomes or [outcome("[bold]fast"), outcome("slow", slow=2.0)], METRICS))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_plain_output_has_figures_and_no_escape_codes() -> None:
    text = printed()
    assert "\x1b" not in text
    row = next(line for line in text.splitlines() if line.startswith("TBT p99"))
    assert row.split() == ["TBT", "p99", "ms", "40.0", "80.0"]


def test_label_with_markup_is_printed_as_it_is() -> None:
    assert "[bold]fast" in printed()


def test_best_figure_is_coloured() -> None:
    row = next(line for line in printed(colour=True).splitlines() if "TBT p99" in line)
    bold_green, plain = row.split("\x1b[1;32m")[1].split("\x1b[0m")
    assert (bold_green.strip(), plain.strip()) == ("40.0", "80.0")


def test_figure_without_value_is_a_dash_and_never_the_best() -> None:
    assert table.best([float("nan"), 1.0, 2.0], Metric("x", "X", better="higher")) == [False, False, True]


def test_metric_without_a_better_side_has_no_best() -> None:
    assert table.best([1.0, 2.0], Metric("x", "X", better="neither")) == [False, False]


def test_figures_of_a_row_share_one_unit() -> None:
    metric = METRICS[2]
    quick = replace(outcome(), metrics={"ttft_p99": 0.02})
    late = replace(outcome(), metrics={"ttft_p99": 31.0})
    factor, unit = table.unit_of([quick, late], metric)
    assert unit == "s"
    assert [table.cell(o, metric, factor) for o in (quick, late)] == ["0.0200", "31.0"]


def test_spread_over_seeds_is_relative_and_of_shares_in_points() -> None:
    one = outcome()
    seeds = {"goodput": np.array([8.0, 9.0, 10.0]), "slo_share": np.array([0.4, 0.5, 0.6])}
    wide = replace(one, metrics={**one.metrics, "slo_share": 0.5}, series={"seeds": seeds})
    assert table.cell(wide, Metric("goodput", "G", "req/s"), 1.0) == "9.00 ±11%"
    wider = replace(wide, series={"seeds": {"goodput": np.array([0.0, 27.0])}})
    assert table.cell(wider, Metric("goodput", "G", "req/s"), 1.0) == "9.00 ±212%"
    assert table.cell(wide, Metric("slo_share", "S", "share"), 100.0) == "50.0 ±10"
    assert table.cell(wide, Metric("tbt_p99", "T", "s"), 1e3) == "40.0"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("variants", [1, 2, 6, 12, 40])
def test_table_fits_every_terminal_without_a_cut_figure(variants: int, width: int) -> None:
    runs = [outcome(f"vllm-v{k}-chunked with a long name", k) for k in range(variants)]
    text = printed(runs, width)
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= width
    assert text.count("9.00") == variants  # the goodput of each


def test_variants_that_do_not_fit_stand_in_a_second_table() -> None:
    runs = [outcome(f"variant-{k}", k) for k in range(8)]
    text = printed(runs, 80)
    assert [line.startswith("Goodput") for line in text.splitlines()].count(True) == 2
    assert [line.startswith("Goodput") for line in printed(runs, 160).splitlines()].count(True) == 1


def test_points_of_a_sweep_are_rows() -> None:
    rows = [line.split() for line in printed(SWEEP, 80).splitlines()]
    assert [row[:3] for row in rows if row[0] in ("a", "b")] == [
        [name, rate, figure] for name in "ab" for rate, figure in (("1", "9.00"), ("2", "4.50"), ("4", "2.25"))
    ]


def test_best_of_a_sweep_is_the_best_at_its_point() -> None:
    goodput = next(metric for metric in METRICS if metric.name == "goodput")
    runs = [*SWEEP[:3], *(replace(o, metrics={**o.metrics, "goodput": 3.0}) for o in SWEEP[3:])]
    assert table.marks(runs, goodput) == [True, True, False, False, False, True]


def test_figure_that_no_run_has_has_no_row() -> None:
    assert "Fairness" not in printed()
    assert printed([empty()]).strip() == "nothing"
