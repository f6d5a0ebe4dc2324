"""Routings: synthetic, as popular as somebody counted, and recorded."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from evenly.offload.routings import Shape
from evenly.offload.routings.autoregressive import Autoregressive
from evenly.offload.routings.popular import Popular
from evenly.offload.routings.recorded import Recorded

SHAPE = Shape(layers=3, experts=6, active=2)
ONES = np.ones(4, np.int64)


def counts(folder: Path, text: str = "") -> str:
    path = folder / "counts.csv"
    rows = [f"a,{layer},{expert},{(expert + 1) * (layer + 1)}" for layer in (0, 2) for expert in range(6)]
    path.write_text(text or "model,layer,expert,count\n" + "\n".join(rows) + "\n")
    return str(path)


def test_experts_are_visited_as_often_as_they_were_counted(tmp_path: Path) -> None:
    routing = Popular(counts(tmp_path), persistence=0.0)
    wanted = routing.shares(SHAPE)
    assert wanted.sum(axis=1) == pytest.approx(2.0)
    assert np.array_equal(wanted[1], wanted[0]), "a layer that was not counted takes the nearest"
    seen = routing.draw(SHAPE, np.array([4000]), 1).loads[0] / 4000
    assert np.abs(seen - wanted).max() < 0.04


@pytest.mark.parametrize(
    ("routing", "message"),
    [
        ({"path": "none.csv"}, "no file 'none.csv' with counts of experts"),
        ({"model": "b"}, "has no rows where model = 'b'"),
        ({"text": "layer,count\n0,1\n"}, "has no counts by layer and expert"),
        ({"text": "layer,expert,count\n0,0,1\n0,1,1\n"}, "counts 2 experts a layer, not 6"),
    ],
)
def test_counts_that_do_not_fit_are_refused(routing: dict[str, str], message: str, tmp_path: Path) -> None:
    path = routing.get("path") or counts(tmp_path, routing.get("text", ""))
    with pytest.raises(ValueError, match=message):
        Popular(path, model=routing.get("model", "")).draw(SHAPE, ONES, 0)


def test_a_recorded_routing_is_replayed_as_it_was(tmp_path: Path) -> None:
    drawn = Autoregressive().draw(SHAPE, ONES, 3)
    np.savez(tmp_path / "a.npz", scores=drawn.scores, guess=drawn.guess)
    again = Recorded(str(tmp_path / "a.npz")).draw(SHAPE, ONES, 0)
    for name in ("loads", "scores", "guessed", "guess"):
        assert np.array_equal(getattr(again, name), getattr(drawn, name))
    both = Recorded(str(tmp_path / "a.npz")).draw(SHAPE, np.array([3, 1]), 0)
    assert np.array_equal(both.loads[0], drawn.loads[:3].sum(axis=0))
    np.savez(tmp_path / "b.npz", scores=drawn.scores)
    assert not Recorded(str(tmp_path / "b.npz")).draw(SHAPE, ONES, 0).guessed.any(), "nothing predicts"


def test_a_table_of_visits_is_replayed(tmp_path: Path) -> None:
    drawn = Autoregressive().draw(SHAPE, ONES, 4)
    token, layer, expert = np.nonzero(drawn.loads)
    table = {"token": token, "layer": layer, "expert": expert, "score": drawn.scores[token, layer, expert]}
    path = str(tmp_path / "visits.parquet")
    with duckdb.connect() as connection:
        connection.execute("create table visits (token bigint, layer bigint, expert bigint, score double)")
        connection.executemany(
            "insert into visits values (?, ?, ?, ?)", list(zip(*(c.tolist() for c in table.values()), strict=True))
        )
        connection.execute(f"copy visits to '{path}' (format parquet)")
    assert np.array_equal(Recorded(path).draw(SHAPE, ONES, 0).loads, drawn.loads)
    with pytest.raises(ValueError, match=r"expert is 0 to 3, not 0 to 5"):
        Recorded(path).draw(Shape(3, 4, 2), ONES, 0)


def test_a_recording_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    scores = np.full((4, 3, 6), 1 / 6)
    for name, arrays in (
        ("short", {"scores": scores[:2]}),
        ("flat", {"scores": scores[0]}),
        ("other", {"gates": scores}),
        ("wrong", {"scores": np.where(scores > 0, np.nan, 0)}),
        ("wide", {"scores": scores[:, :, :5]}),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
    (tmp_path / "text.npz").write_text("no archive")
    for name, message in (
        ("short", "records 2 tokens, 4 are asked for"),
        ("flat", "have shape"),
        ("other", "no .npz file with an array 'scores'"),
        ("wrong", "a score is not a finite number"),
        ("wide", "records 3 layers of 5 experts, the model has 3 of 6"),
        ("text", "no .npz file with an array 'scores'"),
    ):
        with pytest.raises(ValueError, match=message):
            Recorded(str(tmp_path / f"{name}.npz")).draw(SHAPE, ONES, 0)
