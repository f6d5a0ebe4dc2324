"""The example of training: parts that change no result change none, and a killed run goes on bit for bit."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from evenly.hosts.torch.checkpoints import folder as versions  # noqa: E402
from evenly.hosts.torch.experts.gpt import Size  # noqa: E402
from examples.training.compare import ARMS, OFF, ON, OWN, metered, outcomes, write  # noqa: E402
from examples.training.meter import Meter  # noqa: E402
from examples.training.parts import Parts, Run  # noqa: E402

ROOT = Path(__file__).parents[3]
SMALL = Size(vocabulary=128, layers=2, width=32, heads=2, experts=4, active=2, inner=16, length=64)
RUN = Run(SMALL, micro=4, documents=3, steps=6, every=2, double=True)
EXACT = ("batches", "unpadded", "vocabulary", "checkpoints")
TOGETHER = "all that is exact"
STEPS = 8


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


def losses(text: str) -> dict[int, str]:
    """Return the losses that a run printed, by step, with all their digits."""
    return {int(step): loss for step, loss in re.findall(r"step (\d+): loss (\S+)", text)}


def started(folder: Path, steps: int) -> list["subprocess.Popen[str]"]:
    """Start both ranks of a run with all parts, as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "examples.training", "--steps", str(steps), "--every", "2", "--checkpoints"]
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [*words, str(folder)], cwd=ROOT, env=shared | {"RANK": str(rank)}, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]


def until_saved(lines: Iterator[str], folder: Path) -> str:
    """Read lines until there is a version that is whole."""
    read = ""
    while not versions.versions(folder):
        read += next(lines)
    return read


def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "examples.training"]
    options = ["--on", "all", "--steps", str(STEPS), "--checkpoints", str(tmp_path / "whole")]
    whole = subprocess.run(
        [sys.executable, *words, *options], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert whole.returncode == 0, whole.stderr
    expected = losses(whole.stdout)
    assert len(expected) == STEPS

    ranks = started(tmp_path / "killed", 40)
    try:
        assert ranks[0].stdout is not None
        before = losses(until_saved(iter(ranks[0].stdout), tmp_path / "killed"))
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    assert before.items() <= expected.items()

    ranks = started(tmp_path / "killed", STEPS)
    said = [rank.communicate(timeout=300)[0] for rank in ranks]
    after = losses(said[0])
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert 0 < min(after) < STEPS
    assert after == {step: loss for step, loss in expected.items() if step >= min(after)}


def test_a_part_that_is_not_there_is_named() -> None:
    assert Parts.named("batches,experts") == Parts(batches=True, experts=True)
    with pytest.raises(ValueError, match="no part 'expert'; there are batches, unpadded, vocabulary"):
        Parts.named("expert")
