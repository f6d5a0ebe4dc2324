"""The table in a terminal."""

import io
from dataclasses import replace

import numpy as np
from rich.console import Console

from evenly.core import Metric
from evenly.report import table
from evenly.serve.metrics import METRICS
from tests.report.samples import outcome


def printed(width: int = 120, colour: bool = False) -> str:
    """Return what a terminal of so many columns shows."""
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    console.print(table.render([outcome("[bold]fast"), outcome("slow", slow=2.0)], METRICS))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_plain_output_has_figures_and_no_escape_codes() -> None:
    text = printed()
    assert "\x1b" not in text
    row = next(line for line in text.splitlines() if line.startswith("TBT p99"))
    assert row.split() == ["TBT", "p99", "40", "ms", "80", "ms"]


def test_label_with_markup_is_printed_as_it_is() -> None:
    assert "[bold]fast" in printed()


def test_best_figure_is_coloured() -> None:
    row = next(line for line in printed(colour=True).splitlines() if "TBT p99" in line)
    assert "\x1b[1;32m40 ms" in row
    assert "\x1b[1;32m80 ms" not in row


def test_figure_without_value_is_a_dash_and_never_the_best() -> None:
    assert table.best([float("nan"), 1.0, 2.0], Metric("x", "X", better="higher")) == [False, False, True]


def test_metric_without_a_better_side_has_no_best() -> None:
    assert table.best([1.0, 2.0], Metric("x", "X", better="neither")) == [False, False]


def test_spread_over_seeds_is_relative_and_of_shares_in_points() -> None:
    one = outcome()
    seeds = {"goodput": np.array([8.0, 9.0, 10.0]), "slo_share": np.array([0.4, 0.5, 0.6])}
    wide = replace(one, metrics={**one.metrics, "slo_share": 0.5}, series={"seeds": seeds})
    assert table.figure(wide, Metric("goodput", "G", "req/s")) == "9 req/s ±11%"
    assert table.figure(wide, Metric("slo_share", "S", "share")) == "50% ±10 pp"
    assert table.figure(wide, Metric("tbt_p99", "T", "s")) == "40 ms"
