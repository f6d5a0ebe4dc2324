"""Every law of lengths keeps the laws of the room."""

from dataclasses import dataclass

import numpy as np
import pytest
import yaml

from evenly.core import Document
from evenly.core.document import unstructure
from evenly.traces.lengths import Lengths, lengths
from evenly.traces.lengths.fixed import Fixed
from evenly.traces.lengths.normal import Normal
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.lengths.zipf import Zipf

SETTINGS: dict[str, Lengths] = {
    "fixed": Fixed(7, 3),
    "normal": Normal(prompt=10.0, output=1.0, spread=2.0),  # most draws fall below one token
    "quantiles": Quantiles("lmsys"),
    "zipf": Zipf(theta=1.5),
}
# Quantiles in % -> tokens of prompt and output, and the published means.
PUBLISHED = {
    "sharegpt": ((7, 16, 36, 158, 829, 1625, 3473), (20, 130, 280, 445, 683, 846, 999), 299, 324),
    "lmsys": ((3, 12, 28, 82, 302, 432, 750), (8, 39, 140, 339, 512, 520, 850), 92, 207),
    "splitwise": ((181, 396, 1020, 1189, 2734, 4083, 4142), (41, 85, 129, 395, 424, 451, 601), 1155, 211),
}


@dataclass(frozen=True)
class Holder:
    """A place for a law of lengths."""

    lengths: Lengths


def test_every_law_is_examined() -> None:
    assert set(SETTINGS) == set(lengths.names())


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_as_many_whole_lengths_as_asked_for_all_at_least_one(name: str, count: int) -> None:
    for drawn in SETTINGS[name].draw(count, np.random.default_rng(0)):
        assert drawn.dtype == np.int64
        assert len(drawn) == count
        assert drawn.min(initial=1) >= 1


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_chance_gives_the_same_lengths_also_after_yaml(name: str) -> None:
    again = Document.parse(yaml.safe_dump({"lengths": unstructure(SETTINGS[name])})).structure(Holder).lengths
    assert again == SETTINGS[name]
    one, two = (law.draw(100, np.random.default_rng(3)) for law in (SETTINGS[name], again))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("data", PUBLISHED)
def test_public_data_sets_come_out_with_their_published_quantiles(data: str) -> None:
    drawn = Quantiles(data).draw(200_000, np.random.default_rng(1))  # type: ignore[arg-type]
    for ours, published in zip(drawn, PUBLISHED[data][:2], strict=True):
        below = [float(np.mean(ours <= tokens)) for tokens in published]
        assert below == pytest.approx((0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99), abs=0.02)
    assert abs(np.corrcoef(*drawn)[0, 1]) < 0.01


@pytest.mark.parametrize("data", PUBLISHED)
def test_public_data_sets_come_out_with_their_published_means(data: str) -> None:
    prompt, output = Quantiles(data).draw(200_000, np.random.default_rng(1))  # type: ignore[arg-type]
    assert float(prompt.mean()) == pytest.approx(PUBLISHED[data][2], rel=0.15)
    assert float(output.mean()) == pytest.approx(PUBLISHED[data][3], rel=0.15)


def test_zipf_gives_each_length_its_share() -> None:
    prompt, _ = Zipf(theta=1.1, longest_prompt=50).draw(500_000, np.random.default_rng(0))
    weight = np.arange(1, 51) ** -1.1
    assert np.bincount(prompt, minlength=51)[1:] / len(prompt) == pytest.approx(weight / weight.sum(), abs=0.002)


def test_zipf_never_exceeds_its_longest() -> None:
    prompt, output = Zipf(theta=0.0, longest_prompt=1, longest_output=3).draw(1000, np.random.default_rng(0))
    assert prompt.max() == 1
    assert set(output.tolist()) == {1, 2, 3}


@pytest.mark.parametrize("change", [{"theta": -0.1}, {"longest_prompt": 0}, {"longest_output": 10**12}])
def test_a_zipf_law_that_cannot_be_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="theta" if "theta" in change else "longest"):
        Zipf(**change)  # type: ignore[arg-type]
