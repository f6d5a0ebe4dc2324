"""The reader of evidence files: strict, all mistakes at once."""

from pathlib import Path

import pytest

from evenly.papers.evidence import Claim, measure_of, names, read, takes_seed

GOOD = """
title: "A scheduler"
authors: "A. Author"
year: 2024
link: https://example.org/paper
licence: "no data"
about: Shares work.
claims:
  - {setting: s, metric: m, low: 1.0, high: 2.0, source: t, measure: one}
  - {setting: s, metric: n, low: -.inf, high: 0, source: t, measure: two, key: b, paper: 3}
"""
CODE = """
def one(seed):
    return 1.0 + seed / 10

def two():
    return {"b": -1.0}
"""


def write(folder: Path, text: str = GOOD, code: str = CODE) -> str:
    path = folder / "made_up.yaml"
    path.write_text(text)
    path.with_suffix(".py").write_text(code)
    return str(path)


def test_a_file_of_the_users_own_is_read_with_its_functions(tmp_path: Path) -> None:
    paper = read(write(tmp_path))
    assert paper.name == "made-up"
    assert [claim.metric for claim in paper.claims] == ["m", "n"]
    assert paper.claims[0].paper is None
    assert takes_seed(measure_of(paper, "one"))
    assert not takes_seed(measure_of(paper, "two"))


def test_every_mistake_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("year: 2024", "year: '2024'").replace("source: t, measure: one", "measure: one, sauce: t")
    text = text.replace("low: -.inf, high: 0", "low: 2.0, high: 1.0")
    with pytest.raises(ValueError, match="year") as caught:
        read(write(tmp_path, text))
    message = str(caught.value)
    assert "made_up.yaml:4: expected a whole number, found '2024' @ year" in message
    assert "no field 'sauce'; did you mean 'source'? @ claims[0].sauce" in message
    assert "a band runs from low to high, not from 2 to 1 @ claims[1]" in message


def test_a_claim_without_its_function_is_a_mistake_with_a_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"made_up.yaml:10: no function 'tow' in made_up.py @ claims\[1\].measure"):
        read(write(tmp_path, GOOD.replace("measure: two", "measure: tow")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("link: https://", "link: http://", "https address"),
        ("link:", "name: x\nlink:", "'name' follows from the name of the file"),
        ("source: t, measure: one", "source: ' ', measure: one", "'source' is empty"),
        ("low: 1.0", "low: .nan", "found NaN"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, GOOD.replace(old, new)))


def test_an_unknown_paper_brings_a_suggestion() -> None:
    with pytest.raises(ValueError, match="no paper 'fastgem'; did you mean 'fastgen'"):
        read("fastgem")


def test_not_a_number_never_holds() -> None:
    claim = Claim("s", "m", float("-inf"), float("inf"), "t", "f")
    assert claim.holds(1e300)
    assert not claim.holds(float("nan"))


@pytest.mark.parametrize("name", names())
def test_every_paper_is_well_formed(name: str) -> None:
    paper = read(name)
    keys = [(claim.measure, claim.key, claim.metric, claim.setting) for claim in paper.claims]
    assert len(set(keys)) == len(keys), "two claims are the same"
    assert len(paper.about.split()) >= 10, "the catalogue needs a sentence"
