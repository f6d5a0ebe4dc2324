"""The fit of a cost model to measured passes."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenly.core import Document
from evenly.core.document import unstructure
from evenly.hardware.calibration.calibrate import calibration
from evenly.hardware.calibration.engine import Calibration, Figures, Source, write
from evenly.hardware.calibration.fit import TERMS, Fit, fit
from evenly.hardware.calibration.steps import Steps, join
from tests.hardware.measured_passes import HEADER, TRUTH, passes, timed, true_seconds

SAID = (*TERMS, "host", "request")


def figures(found: Fit) -> dict[str, float]:
    """Return the figures of a fit by name."""
    return {**found.terms, "host": found.host, "request": found.request}


def test_intervals_of_a_nominal_95_percent_hold_the_true_figure_four_times_in_five_at_least() -> None:
    held = []
    for seed in range(8):  # the knots are chosen from the same passes, so nine in ten are held in the long run
        found = fit(passes(600, seed))
        held += [low <= getattr(TRUTH, name) <= high for name, (low, high) in found.bounds.items() if name in SAID]
    assert len(held) == 56
    assert np.mean(held) >= 0.8


def test_noise_of_five_percent_and_outliers_move_no_figure_by_more_than_a_fifth() -> None:
    found = figures(fit(passes(1500, 11)))
    assert all(found[name] == pytest.approx(getattr(TRUTH, name), rel=0.2) for name in SAID)


def test_the_median_of_every_kind_of_pass_is_met_within_two_percent() -> None:
    measured = passes(1500, 1)
    found = fit(measured)
    error = measured.seconds / found.fitted - 1.0
    for kind in range(3):
        assert abs(np.median(error[measured.kind() == kind])) < 0.02


def test_without_noise_the_seconds_of_unseen_passes_are_known_within_a_hundredth() -> None:
    found = fit(passes(2000, 2, noise=0.0, outliers=0.0))
    other = passes(500, 3, noise=0.0, outliers=0.0)
    told = Figures(tuple(found.knots), tuple(found.curve), **figures(found))
    mine, host = true_seconds(told, other)
    assert np.median(np.abs((mine + host) / other.seconds - 1.0)) < 0.01


def test_outliers_are_counted_and_bend_nothing() -> None:
    clean, dirty = passes(1500, 4, outliers=0.0), passes(1500, 4, outliers=0.1)
    one, other = fit(clean), fit(dirty)
    slow = dirty.computing > 2 * clean.computing
    assert 100 < slow.sum() < 200
    assert other.outliers[slow].mean() > 0.95
    assert other.outliers[~slow].mean() < 0.01
    assert np.median(np.abs(other.fitted / one.fitted - 1.0)) < 0.02


def test_the_order_of_the_passes_changes_no_figure() -> None:
    measured = passes(600, 5)
    shuffled = measured.take(np.random.default_rng(0).permutation(600))
    one, other = fit(measured), fit(shuffled)
    assert np.array_equal(one.knots, other.knots)
    assert np.allclose(one.curve, other.curve, rtol=1e-6)
    assert all(
        figures(other)[name] == pytest.approx(value, rel=1e-4, abs=1e-12) for name, value in figures(one).items()
    )


def test_an_engine_that_is_k_times_as_slow_has_k_times_the_figures() -> None:
    measured = passes(600, 6)
    slower = replace(measured, seconds=4.0 * measured.seconds, computing=4.0 * measured.computing)
    one, other = fit(measured), fit(slower)
    assert np.allclose(other.curve, 4.0 * one.curve, rtol=1e-6)
    assert other.level == pytest.approx(one.level)
    assert np.allclose([figures(other)[n] for n in SAID], [4.0 * figures(one)[n] for n in SAID], rtol=1e-4, atol=1e-12)


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.0, 3.0))
def test_no_figure_is_negative_and_no_larger_pass_is_shorter_whatever_was_measured(seed: int, spread: float) -> None:
    chance = np.random.default_rng(seed)
    bare = passes(60, seed)
    whole = np.exp(spread * chance.standard_normal(60)) * 0.01
    found = fit(replace(bare, seconds=whole, computing=whole * chance.uniform(0.2, 1.0, 60)))
    assert min(figures(found).values()) >= 0
    assert np.all(np.diff(found.curve) >= 0)
    assert found.curve[0] >= 0


def decodes_of_one_length(count: int) -> Steps:
    """Return passes of decodes alone, whose contexts are in proportion to their number."""
    chance = np.random.default_rng(7)
    decodes = chance.integers(1, 30, count)
    none, zero = np.zeros(0, np.int64), np.zeros(count)
    offsets = np.zeros(count + 1, np.int64)
    bare = Steps(zero, zero, zero, zero, offsets, none, none, decodes, 400 * decodes, decodes, decodes)
    return timed(bare, TRUTH, 0.02, 0.0, chance)


def test_figures_that_a_log_cannot_tell_apart_are_named_and_not_printed() -> None:
    found = fit(decodes_of_one_length(400))
    assert found.terms["decode"] == found.terms["context"] == 0.0
    assert {name for name in ("decode", "context") if name in found.bounds} == set()
    said = " ".join(found.untold)
    assert "decode moves with" in said
    assert "context moves with" in said
    assert "no pass computes a prompt" in said


def test_what_is_not_told_apart_still_prices_the_passes_that_were_measured() -> None:
    measured = decodes_of_one_length(400)
    assert np.median(np.abs(measured.seconds / fit(measured).fitted - 1.0)) < 0.03


def test_a_log_that_knows_only_whole_passes_says_that_the_host_is_hidden_in_them() -> None:
    whole = passes(400, 8)
    found = fit(replace(whole, computing=np.full(400, np.nan)))
    assert found.host == 0
    assert "host" not in found.bounds
    assert any("host" in sentence for sentence in found.untold)
    assert abs(np.median(whole.seconds / found.fitted - 1.0)) < 0.02


@pytest.mark.parametrize(
    ("measured", "said"),
    [(passes(20, 0), "20 passes are too few"), (decodes_of_one_length(100).take(np.zeros(100, np.int64)), "a mix of")],
)
def test_a_log_that_tells_nothing_is_refused(measured: Steps, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit(measured)


def test_the_file_of_an_engine_is_read_back_as_it_was_written() -> None:
    measured = passes(300, 9)
    source = Source("a.jsonl", "0" * 64, "2026-01-02T03:04:05+00:00", 300, 0.0)
    made = calibration(measured, fit(measured), HEADER, [source], 0.002)
    assert made.cost.delivery == 0.002
    assert made.passes == 300
    assert sum(row.passes for row in made.residuals) == 300
    assert Document.parse(write(made)).structure(Calibration) == made


def test_every_mistake_of_an_engine_file_is_told_with_its_line() -> None:
    raw = unstructure(calibration(passes(100, 9), fit(passes(100, 9)), HEADER, []))
    raw["version"] = 2
    raw["cost"]["pair"] = -1.0
    del raw["engine"]
    with pytest.raises(ValueError, match="pair is at least 0") as told:
        Document(raw, "engine.yaml").structure(Calibration)
    assert len(str(told.value).splitlines()) == 3


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": (0.2, 0.1)}, {"tokens": (5, 5)}, {"tokens": (1, 2, 3)}, {"level": 0.0}, {"host": -1.0}],
)
def test_figures_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {f.name: getattr(TRUTH, f.name) for f in fields(Figures)}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Figures(**{**good, "tokens": (1, 2), "seconds": (0.1, 0.2), **wrong})  # type: ignore[arg-type]


def test_logs_behind_one_another_keep_every_pass() -> None:
    one, other = passes(30, 1), passes(40, 2)
    both = join([one, other])
    assert len(both) == 70
    assert np.array_equal(both.tokens, np.concatenate([one.tokens, other.tokens]))
    assert np.array_equal(both.take(np.arange(30, 70)).pairs, other.pairs)
