"""What a step takes: the slowest rank, padding, micro-batches; and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from evenly.balance.partitioners.blocks import Blocks
from evenly.core import Document, Ints
from evenly.report.charts.steps import steps
from evenly.report.page import render
from evenly.sweep.scenarios import scenario_of
from evenly.train.batches.corpora.lognormal import Lognormal
from evenly.train.batches.corpora.wikipedia import Wikipedia
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts.quadratic import Quadratic
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.batches.efforts.transformer import Transformer
from evenly.train.batches.exchange import Exchange
from evenly.train.batches.results import METRICS
from evenly.train.batches.scenario import BatchesScenario
from evenly.train.unpadded.roundings.kernels import Kernels


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same lengths every time."""

    values: tuple[int, ...]

    def draw(self, count: int, chance: np.random.Generator) -> Ints:
        return np.resize(np.array(self.values), count)


def by_hand(**changes: Any) -> BatchesScenario:
    """Two ranks of two sequences: 100 and 300 tokens on the first, 50 and 150 on the second, as they come."""
    settings: dict[str, Any] = {
        "corpus": Fixed((100, 300, 50, 150)),
        "ranks": 2,
        "batch": 2,
        "steps": 3,
        "deal": Partitioned(Blocks()),
        "cost": Tokens(token=0.01),
    }
    return BatchesScenario(**settings | changes)


def test_a_step_lasts_as_long_as_its_slowest_rank() -> None:
    outcome = by_hand().run()
    assert outcome.load.work.tolist() == [[4.0, 2.0]] * 3
    assert outcome.metrics["step_mean"] == pytest.approx(4.0)
    assert outcome.metrics["imbalance"] == pytest.approx(4 / 3)
    assert outcome.metrics["idle_share"] == pytest.approx(0.25)
    assert outcome.metrics["throughput"] == pytest.approx(150.0)
    assert outcome.metrics["gap"] == pytest.approx(1 / 3)
    assert outcome.metrics["padding"] == 0


def test_the_default_deal_pairs_the_longest_with_the_shortest() -> None:
    outcome = by_hand(deal=Partitioned()).run()
    assert outcome.load.work.tolist() == [[3.5, 2.5]] * 3


@pytest.mark.parametrize(
    ("padding", "share", "work"),
    [("longest", 0.3333, [6.0, 3.0]), ("full", 0.5, [6.0, 6.0]), ("bucket", 0.0625, [4.48, 2.56])],
)
def test_padding_is_computed_and_holds_no_token(padding: Any, share: float, work: list[float]) -> None:
    outcome = by_hand(padding=padding).run()
    assert outcome.metrics["padding"] == pytest.approx(1 - 600 / (100 * sum(work)), abs=1e-4)
    assert outcome.load.work[0].tolist() == pytest.approx(work)
    if padding != "bucket":
        assert outcome.metrics["padding"] == pytest.approx(share, abs=1e-3)


def test_each_micro_batch_costs_its_overhead_once() -> None:
    whole, parts = (by_hand(overhead=1.0, deal=Partitioned(Blocks(), max_tokens=most)).run() for most in (0, 200))
    assert whole.metrics["step_mean"] == pytest.approx(5.0)
    assert parts.metrics["micro_batches"] == 2
    assert parts.metrics["step_mean"] == pytest.approx(6.0)
    assert parts.metrics["micro_peak"] == 300


def test_a_dealer_that_believes_in_tokens_leaves_attention_uneven() -> None:
    run = BatchesScenario(corpus=Lognormal(longest=65_536, sigma=1.8), batch=8, steps=20)
    right, wrong = run.run(), BatchesScenario(corpus=run.corpus, batch=8, steps=20, believed=Tokens()).run()
    assert right.metrics["imbalance"] < wrong.metrics["imbalance"]


def test_costs_agree_on_where_attention_breaks_even() -> None:
    lengths = np.array([24_576, 49_152])
    assert np.allclose(Quadratic().seconds(lengths) / Tokens().seconds(lengths), [2.0, 3.0])
    full = Transformer(causal=False).seconds(lengths)
    assert full[1] / full[0] == pytest.approx(2 * 3 / 2)


def test_quantiles_of_wikipedia_keep_the_mean_and_spread_of_its_histogram() -> None:
    drawn = Wikipedia().draw(200_000, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(255.83, rel=0.01)
    assert drawn.std() == pytest.approx(182.69, rel=0.01)
    assert (drawn == 512).mean() == pytest.approx(0.2343, abs=0.005)


def test_the_page_draws_what_the_steps_wait_for() -> None:
    (spec,) = steps([replace(by_hand().run(), label="naive"), replace(by_hand(deal=Partitioned()).run(), label="even")])
    above = {row["variant"]: row["above"] for row in spec["data"]["values"]}
    assert above == {"naive": pytest.approx(1 / 3, abs=1e-4), "even": pytest.approx(1 / 6, abs=1e-4)}
    page = render([replace(by_hand().run(), label="naive")], title="Batches", metrics=METRICS)
    assert "All ranks wait for the slowest one" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranks": 0}, r"scenario:2: ranks is at least 1, not 0"),
        ({"steps": 10**9}, r"steps, ranks and batch make 128,000,000,000 sequences, at most 50,000,000"),
        ({"overhead": -1.0}, "overhead is at least 0 seconds, not -1.0"),
        ({"padding": "longer"}, "no choice 'longer'; did you mean 'longest'"),
        ({"corpus": {"use": "wikipdia"}}, "no 'wikipdia' among corpora; did you mean 'wikipedia'"),
        ({"deal": {"use": "partitioned", "max_tokens": -1}}, "max_tokens is at least 0, not -1"),
        ({"cost": {"use": "quadratic", "break_even": 0}}, "break_even is at least 1 token, not 0"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_value(changes: Mapping[str, Any], message: str) -> None:
    lines = "".join(f"{key}: {value!r}\n".replace("'", '"') for key, value in {"kind": "batches", **changes}.items())
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(lines))


def test_attention_computes_unpadded_sequences_at_rounded_lengths() -> None:
    cost = Quadratic(token=0.01, break_even=100)
    found = by_hand(cost=cost, rounding=Kernels(sizes=(128, 512))).run()
    linear, squares = 0.01 * 400, 0.01 * (128**2 + 512**2) / 100
    assert found.load.work[0, 0] == pytest.approx(linear + squares)
    assert found.metrics["padding"] == 0
    padded = by_hand(cost=cost, padding="longest").run().metrics
    assert by_hand(cost=cost, padding="longest", rounding=Kernels()).run().metrics == padded
    alone = by_hand(cost=cost).run()
    assert alone.metrics["step_mean"] < found.metrics["step_mean"]
    called = by_hand(cost=cost, rounding=Kernels(sizes=(128, 512)), call=7.0).run()
    assert (called.load.work - found.load.work)[0].tolist() == pytest.approx([14.0, 14.0])


def test_an_exchange_is_waited_for_unless_the_step_before_hides_it() -> None:
    exchange = Exchange(hidden=False, size=1_000_000_000, link="pcie4")
    taken = exchange.seconds(ranks=2, batch=2)
    assert taken == pytest.approx(2e9 / 25e9, rel=1e-3)
    none, before = by_hand().run().metrics, by_hand(exchange=exchange).run().metrics
    assert before["step_mean"] == pytest.approx(none["step_mean"] + taken)
    assert before["throughput"] == pytest.approx(600 / before["step_mean"])
    assert before["exposed"] == pytest.approx(taken / before["step_mean"])
    assert by_hand(exchange=Exchange(size=10**9, link="pcie4")).run().metrics == none
    slow = by_hand(exchange=Exchange(size=10**11, link="pcie4")).run().metrics  # longer than a step
    assert slow["step_mean"] == pytest.approx(100 * taken, rel=1e-3)


def test_gathered_sequences_and_rounded_lengths_are_checked() -> None:
    with pytest.raises(ValueError, match="call is at least 0 seconds, not -1"):
        by_hand(call=-1.0).check()
    with pytest.raises(ValueError, match="no link 'string'"):
        by_hand(exchange=Exchange(link="string")).check()
    with pytest.raises(ValueError, match="size is at least 1 byte"):
        Exchange(size=0)
