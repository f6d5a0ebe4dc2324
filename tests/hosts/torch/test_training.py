"""The example of training: parts that change no result change none, and a killed run goes on bit for bit."""

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from benchmarks.training import merged  # noqa: E402
from examples.training.__main__ import main  # noqa: E402
from examples.training.compare import ARMS, OFF, ON, OWN, figures, metered, outcomes, table, write  # noqa: E402
from examples.training.meter import Meter  # noqa: E402
from examples.training.parts import Parts  # noqa: E402
from tests.hosts.torch.training import RUN  # noqa: E402

ROOT = Path(__file__).parents[3]
EXACT = ("batches", "unpadded", "vocabulary", "checkpoints")
TOGETHER = "all that is exact"


@pytest.fixture(scope="module")
def found() -> dict[str, list[Meter]]:
    """Return what both ranks metered, with weights in float64."""
    arms = ARMS | {TOGETHER: replace(ARMS[ON], experts=False)}
    return metered(RUN, arms)


@pytest.mark.parametrize("name", [*EXACT, TOGETHER])
def test_parts_that_are_exact_leave_every_loss_as_it_is(found: dict[str, list[Meter]], name: str) -> None:
    expected = found[OFF][0].losses
    assert len(set(expected)) == RUN.steps
    for rank in found[name]:
        assert rank.losses == pytest.approx(expected, rel=1e-7)  # scores of routers are float32


def test_prices_change_nothing_until_they_have_moved(found: dict[str, list[Meter]]) -> None:
    off, on = found[OFF][0], found["experts"][0]
    assert on.losses[0] == off.losses[0]
    assert on.losses[-1] != off.losses[-1]
    assert not off.prices.any()
    assert on.prices.any()


def test_every_arm_trains_on_the_same_tokens(found: dict[str, list[Meter]]) -> None:
    assert len({tuple(rank.tokens) for ranks in found.values() for rank in ranks}) == 1
    unpadded = found["unpadded"][0]
    assert [sum(step) for step in unpadded.positions] == unpadded.tokens


def test_the_page_and_the_figures_name_what_each_part_brings(found: dict[str, list[Meter]], tmp_path: Path) -> None:
    write(RUN, outcomes(RUN, {label: found[label] for label in ARMS}), tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    told = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert set(told["gains"]) == set(OWN)
    assert set(told["arms"]) == set(ARMS)
    for name, gain in told["gains"].items():
        assert f">{name}<" in page
        assert {"before", "after", "throughput"} == set(gain["alone"]) == set(gain["last"])
    assert told["gains"]["unpadded"]["alone"]["after"] == 0.0 < told["gains"]["unpadded"]["alone"]["before"]


def test_several_runs_are_told_by_their_medians_and_their_spread(found: dict[str, list[Meter]]) -> None:
    one = figures(RUN, outcomes(RUN, {label: found[label] for label in ARMS}))
    runs = [one | {"together": ratio} for ratio in (1.5, 1.0, 3.0)]
    told = table(*(merged(runs, of) for of in (median, min, max)))
    assert told.splitlines()[-1] == "| all together | | | | 1.5 x (1.00 to 3.00) | |"
    assert merged(runs, median)["gains"] == one["gains"]


def test_a_killed_run_goes_on_bit_for_bit(found: dict[str, list[Meter]], tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.hosts.torch.killed", str(tmp_path)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    expected = {str(step): loss for step, loss in enumerate(found[ON][0].losses)}
    before, after = json.loads(said.stdout)
    assert 2 < len(before) < RUN.steps
    assert before.items() <= expected.items()
    assert 0 < len(after) < RUN.steps
    assert before | after == expected
    assert after.items() <= expected.items()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be the only rank of a training that torchrun starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {"RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.usefixtures("alone")
def test_the_command_prints_losses_and_goes_on_from_what_torch_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(steps: int, folder: str) -> list[str]:
        options = ["--on", "none", "--steps", str(steps), "--every", "1", "--checkpoints", str(tmp_path / folder)]
        monkeypatch.setattr(sys, "argv", ["training", *options])
        main()
        return capsys.readouterr().out.splitlines()

    whole = said(2, "whole")
    assert [line.partition(": loss ")[0] for line in whole] == ["step 0", "step 1"]
    assert said(1, "parts") + said(2, "parts") == whole


def test_a_part_that_is_not_there_is_named() -> None:
    assert Parts.named("batches,experts") == Parts(batches=True, experts=True)
    with pytest.raises(ValueError, match="no part 'expert'; there are batches, unpadded, vocabulary"):
        Parts.named("expert")
