"""The burst penalty: what a comparison says of variants that differ in their arrivals alone."""

from dataclasses import replace

import numpy as np

from evenly.core import Document, Load, Outcome
from evenly.sweep.penalty import sentence
from evenly.sweep.plan import Cell


def run(label: str, ttft: float, seed: int = 0, **raw: object) -> tuple[Cell, Outcome]:
    """Return a cell and its outcome."""
    cell = Cell(label, {}, seed, Document({"kind": "serve", "name": label, "seed": seed, **raw}))
    return cell, Outcome(label, {"ttft_p99": ttft}, Load(np.ones((1, 1))))


def said(*runs: tuple[Cell, Outcome]) -> str:
    """Return the sentence about some runs."""
    return sentence([cell for cell, _ in runs], [outcome for _, outcome in runs])


BURSTS, CALM = {"use": "burstgpt"}, {"use": "burstgpt", "arrivals": "poisson"}


def test_the_penalty_is_the_ratio_of_the_tails_and_a_change_of_order_is_told() -> None:
    text = said(
        run("one", 8.0, trace=BURSTS, engine="a"),
        run("one, calm", 2.0, trace=CALM, engine="a"),
        run("two", 9.0, trace=BURSTS, engine="b"),
        run("two, calm", 1.0, trace=CALM, engine="b"),
    )
    assert "4 times for one, 9 times for two." in text
    assert "one leads with bursts; Poisson arrivals would have named two" in text


def test_the_same_order_under_both_is_not_told() -> None:
    text = said(
        run("one", 8.0, trace=BURSTS, engine="a"),
        run("one, calm", 1.0, trace=CALM, engine="a"),
        run("two", 9.0, trace={"use": "burstgpt", "arrivals": "windows"}, engine="b"),
        run("two, calm", 2.0, trace=CALM, engine="b"),
    )
    assert text.endswith("8 times for one, 4.5 times for two.")


def test_variants_that_differ_in_more_than_their_arrivals_are_no_pair() -> None:
    assert said(run("one", 8.0, trace=BURSTS, engine="a"), run("two", 1.0, trace=CALM, engine="b")) == ""
    assert said(run("one", 8.0, trace=BURSTS), run("two", 1.0, trace=CALM | {"rate": 3})) == ""
    assert said(run("one", 8.0, trace="poisson"), run("two", 1.0, trace=BURSTS)) == ""
    assert said() == ""


def test_a_run_without_first_tokens_has_no_penalty() -> None:
    assert said(run("one", float("nan"), trace=BURSTS), run("calm", 1.0, trace=CALM)) == ""


def test_seeds_of_a_variant_count_once() -> None:
    runs = [run(label, 1.0, seed, trace=trace) for seed in (0, 1) for label, trace in (("a", BURSTS), ("b", CALM))]
    merged = [replace(runs[0][1], metrics={"ttft_p99": 6.0}), replace(runs[1][1], metrics={"ttft_p99": 2.0})]
    assert sentence([cell for cell, _ in runs], merged).endswith("3 times for a.")
