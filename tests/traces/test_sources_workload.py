"""The burst source and its model: fitted to a trace, saved, loaded, drawn again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evenly.core import Floats, Trace
from evenly.traces.arrivals import DAY, HOUR
from evenly.traces.read import read
from evenly.traces.sources import _published as published
from evenly.traces.sources.burstgpt import Burstgpt
from evenly.traces.workload import POOL, Turns, Workload, is_model


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a BurstGPT file of two days: whole seconds, failures, sessions, four services."""
    trace = Burstgpt(hours=48.0).draw(11)
    rows = ["Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type"]
    model, kind = np.array(["ChatGPT", "GPT-4"]), np.array(["Conversation log", "API log"])
    assert trace.user is not None
    assert trace.session is not None
    for i in range(len(trace)):
        user, session = int(trace.user[i]), int(trace.session[i])
        asked, answered = int(trace.prompt[i]), int(trace.output[i])
        head = f"{int(trace.arrival[i])},{f's{session}' if session >= 0 else ''},1.5,{model[user % 2]}"
        rows.append(f"{head},{asked},{answered},{asked + answered},{kind[user // 2]}")
    path = tmp_path_factory.mktemp("traces") / "BurstGPT.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_workload_like_a_file_has_its_rate_lengths_users_failures_and_sessions(recorded: Path) -> None:
    real = read(recorded)
    ours = Burstgpt(like=str(recorded)).draw(1)
    assert len(ours) == pytest.approx(len(real), rel=0.03)
    for name in ("prompt", "output"):
        assert stats.ks_2samp(getattr(ours, name), getattr(real, name)).statistic <= 0.03
    assert ours.user is not None
    assert real.user is not None
    assert np.bincount(ours.user) / len(ours) == pytest.approx(np.bincount(real.user) / len(real), abs=0.02)
    assert ours.failed is not None
    assert real.failed is not None
    assert ours.failed.mean() == pytest.approx(real.failed.mean(), abs=0.003)
    theirs, found = Turns.of(real), Turns.of(ours)
    assert theirs is not None
    assert found is not None
    assert found.share == pytest.approx(theirs.share, abs=0.02)
    assert found.sizes[0] == pytest.approx(theirs.sizes[0], abs=0.01)


def test_lengths_follow_the_hour() -> None:
    count = 20 * POOL
    arrival = np.arange(count, dtype=np.float64)
    prompt = np.where(arrival < count / 2, 100, 900)
    ours = Workload.fit(Trace(arrival, prompt, np.ones(count, np.int64))).trace(0)
    early = ours.arrival < 0.4 * count
    assert set(ours.prompt[early].tolist()) == {100}
    assert set(ours.prompt[ours.arrival > 0.6 * count].tolist()) == {900}


def test_a_model_file_gives_the_same_workload_and_holds_no_request(recorded: Path, tmp_path: Path) -> None:
    real, path = read(recorded), tmp_path / "model.json"
    Workload.fit(real).save(path)
    assert is_model(path)
    assert not is_model(recorded)
    ours = Burstgpt(like=str(path)).draw(1)
    assert len(ours) == pytest.approx(len(real), rel=0.03)
    good = real.failed
    assert good is not None
    assert ours.failed is not None
    for name in ("prompt", "output"):
        pair = getattr(ours, name)[~ours.failed], getattr(real, name)[~good]
        assert stats.ks_2samp(*pair).statistic <= 0.03
    spearman = [stats.spearmanr(t.prompt[~f], t.output[~f]).statistic for t, f in ((ours, ours.failed), (real, good))]
    assert spearman[0] == pytest.approx(spearman[1], abs=0.05)
    assert len(json.loads(path.read_text())["requests"]["prompt"]) == 1001, "quantiles, not requests"
    again = tmp_path / "again.json"
    Workload.load(path).save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 0}, "positive number of seconds"),
        ({"window": "60"}, "expected a number, found '60' @ window"),
        ({"count": [1, "x"]}, r"@ count\[1\]"),
        ({"count": []}, "at least one"),
        ({"shapes": [1.0]}, "no field 'shapes'; did you mean 'shape'"),
        ({"format": "other"}, "its format is not"),
        ({"requests": {"prompt": [5, 1], "output": [1, 2], "joint": [[1]]}}, "do not decrease @ requests"),
        ({"turns": {"sizes": [], "think": 1.0}}, "sizes: .* @ turns"),
    ],
)
def test_a_broken_model_file_is_refused_with_its_place(
    recorded: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "model.json"
    Workload.fit(read(recorded), window=HOUR).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message) as caught:
        Workload.load(path)
    assert "model.json" in str(caught.value)


def test_a_cut_off_model_file_is_refused(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    Workload.fit(read(recorded), window=HOUR).save(path)
    path.write_text(path.read_text()[:500])
    with pytest.raises(ValueError, match=r"model.json: not a model of a workload"):
        Burstgpt(like=str(path)).draw(0)


def test_missing_days_are_told_and_filled() -> None:
    arrival = np.arange(0.0, 5 * DAY, 60.0)
    arrival = arrival[arrival // DAY != 2]
    one = np.ones(len(arrival), np.int64)
    with pytest.warns(UserWarning, match=r"a\.csv: nothing was recorded for 1 days, the first from 172740 s on"):
        model = Workload.fit(Trace(arrival, one, one, origin="a.csv"), window=HOUR)
    days = np.bincount((model.trace(0).arrival // DAY).astype(int))
    assert days == pytest.approx(np.full(len(days), 1440), rel=0.1)


def test_twice_the_speed_halves_every_time_exactly() -> None:
    once, twice = (Burstgpt(hours=3.0, start=9.0, speed=speed).draw(3) for speed in (1.0, 2.0))
    assert np.array_equal(once.arrival / 2, twice.arrival)
    assert np.array_equal(once.prompt, twice.prompt)


def test_another_law_of_arrivals_changes_the_times_alone(recorded: Path) -> None:
    bursts, calm = (Burstgpt(like=str(recorded), arrivals=law).draw(3) for law in ("windows", "poisson"))
    for name in ("prompt", "output", "user", "session", "failed"):
        assert np.array_equal(getattr(bursts, name), getattr(calm, name))
    assert burst_index(bursts.arrival) > 3 * burst_index(calm.arrival)


def test_a_rate_is_reached_without_touching_the_shape_of_the_day() -> None:
    low, high = (Burstgpt(hours=24.0, rate=rate).draw(5) for rate in (0.5, 5.0))
    assert len(high) / DAY == pytest.approx(5.0, rel=0.05)
    assert len(low) / DAY == pytest.approx(0.5, rel=0.05)
    share = [np.bincount((t.arrival // HOUR).astype(int), minlength=24) / len(t) for t in (low, high)]
    assert np.abs(share[0] - share[1]).max() < 0.02


def test_burstiness_keeps_the_mean_and_widens_the_gaps() -> None:
    found = [np.diff(Burstgpt(hours=24.0, rate=2.0, burstiness=factor).draw(1).arrival) for factor in (1.0, 4.0)]
    assert len(found[0]) == pytest.approx(len(found[1]), rel=0.05)
    assert found[1].std() / found[1].mean() > 1.15 * found[0].std() / found[0].mean()


def burst_index(arrival: Floats) -> float:
    """Return the variance over the mean of the counts in minutes."""
    count = np.bincount((arrival // 60).astype(int))
    return float(count.var() / count.mean())


def test_published_conversations_follow_the_published_hours_and_weekends() -> None:
    weeks = 40
    chance = np.random.default_rng(2)
    arrival = published.windows(0.0, weeks * 7 * DAY, 600.0, chance)[0].draw(chance)
    counts = np.bincount((arrival // HOUR).astype(int), minlength=weeks * 168).reshape(weeks, 7, 24)
    median = np.median(counts[:, :5].reshape(-1, 24), axis=0)
    assert median == pytest.approx(np.array(published.HOURLY), rel=0.1, abs=1.5)
    daily = counts.sum(axis=2)
    assert daily[:, :5].mean() == pytest.approx(2000, rel=0.05)
    assert daily[:, 5:].mean() == pytest.approx(900, rel=0.05)


def test_published_failures_and_sessions_have_their_published_shares() -> None:
    trace = Burstgpt(hours=8 * 168.0).draw(2)
    assert trace.failed is not None
    assert trace.failed.mean() == pytest.approx(0.0178, rel=0.03)
    found = Turns.of(trace)
    assert found is not None
    assert 1 - found.sizes[0] == pytest.approx(0.039, rel=0.06)
    assert 1 - sum(found.sizes[:2]) == pytest.approx(0.0068, rel=0.15)
    assert np.dot(found.sizes, np.arange(1, len(found.sizes) + 1)) == pytest.approx(1.12, abs=0.01)


def test_published_lengths_have_their_published_means() -> None:
    prompt, output = published.lengths(200_000, np.random.default_rng(0))
    assert prompt.mean() == pytest.approx(763, rel=0.1)
    for low, high, mean in ((30, 50, 260), (130, 340, 160), (900, 1100, 270)):
        some = output[(prompt >= low) & (prompt <= high)]
        assert some.mean() == pytest.approx(mean, rel=0.1)
    long = output[prompt > 1700]
    assert np.quantile(long, [0.05, 0.95]) == pytest.approx([180, 700], rel=0.2)


def test_a_start_behind_the_end_of_a_file_is_refused(recorded: Path) -> None:
    with pytest.raises(ValueError, match=r"ends before hour 50; lower start or give hours"):
        Burstgpt(like=str(recorded), start=50.0).draw(0)
    later = Burstgpt(like=str(recorded), start=50.0, hours=1.0).draw(0)
    assert len(later)
    assert later.arrival[-1] < HOUR


def test_the_model_of_a_file_does_not_depend_on_when_the_file_begins() -> None:
    arrival = np.cumsum(np.random.default_rng(0).exponential(1.0, 5000))
    early, late = (
        Workload.fit(Trace(arrival + shift, np.full(5000, 9), np.full(5000, 2))).trace(1) for shift in (0.0, 40 * DAY)
    )
    assert len(early) == len(late)
    assert np.allclose(early.arrival, late.arrival, atol=1e-5)
