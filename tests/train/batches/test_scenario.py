"""What a step takes: the slowest rank, padding, micro-batches; and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from evenly.balance.partitioners.blocks import Blocks
from evenly.core import Document, Ints
from evenly.sweep.scenarios import scenario_of
from evenly.train.batches.corpora.lognormal import Lognormal
from evenly.train.batches.corpora.wikipedia import Wikipedia
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts.quadratic import Quadratic
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.batches.efforts.transformer import Transformer
from evenly.train.batches.scenario import BatchesScenario


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
