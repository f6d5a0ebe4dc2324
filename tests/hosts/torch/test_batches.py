"""Balanced batches under DDP on gloo train what one process trains on the whole batch."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.hosts.torch.batches.loss import scale
from evenly.hosts.torch.batches.measure import Job, alone, train
from evenly.hosts.torch.batches.network import Shape, encoder, tokens
from evenly.hosts.torch.batches.sampler import DistributedBatchSampler
from evenly.hosts.torch.batches.timing import StepTimes
from evenly.measure.imbalance import peak_over_mean
from evenly.train.batches import log
from evenly.train.batches.fitting import fit
from tests.hosts.torch.exchanging import read

torch: Any = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

SMALL = Shape(width=16, layers=1, heads=2, vocabulary=50)
LENGTHS = tuple(np.random.default_rng(1).integers(2, 60, 48).tolist())


def test_two_ranks_train_what_one_process_trains_however_sequences_are_dealt() -> None:
    job = Job(LENGTHS, batch=4, seed=3, shape=SMALL, names=("blocks", "differencing"))
    found, expected = train(job), alone(job)
    for trained in found.values():
        assert trained.busy.shape == (6, 2)
        assert np.abs(trained.weights - expected).max() <= 1e-5 * np.abs(expected).max()
    naive, even = (peak_over_mean(found[name].tokens()) for name in job.names)
    assert even < naive


def test_a_rank_that_fails_is_an_error_and_leaves_nobody_behind() -> None:
    job = Job(LENGTHS, batch=4, seed=3, ranks=1, shape=Shape(width=15, heads=2), names=("blocks",))
    with pytest.raises(RuntimeError, match=r"process 0: .*embed_dim must be divisible by num_heads"):
        train(job)
    assert multiprocessing.active_children() == []


def test_the_scaled_sum_has_the_gradient_of_the_mean_over_all_labels() -> None:
    model, data = encoder(SMALL, 0), tokens([5, 9, 30], SMALL, 0)
    (scale(4 + 8 + 29) * model(data)).backward()
    summed = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    for one in data:  # in micro-batches, with the labels of the whole step
        (scale(4 + 8 + 29) * model([one])).backward()
    for weight, grad in zip(model.parameters(), summed, strict=True):
        assert torch.allclose(weight.grad, grad, atol=1e-6)
    with pytest.raises(ValueError, match="no rank has a label"):
        scale(0)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gives_the_batches_of_the_sampler(workers: int) -> None:
    sampler = DistributedBatchSampler(LENGTHS, batch=4)  # one rank: torch.distributed was not begun
    loader = torch.utils.data.DataLoader(range(48), batch_sampler=sampler, collate_fn=list, num_workers=workers)
    assert len(loader) == 12
    assert list(loader) == list(sampler)


def test_the_lines_of_the_page_run_as_they_stand() -> None:
    page = (Path(__file__).parents[3] / "docs" / "batches.md").read_text(encoding="utf-8")
    lines = page.partition("## In PyTorch")[2].partition("```python\n")[2].partition("```")[0]
    data = tokens(list(LENGTHS), SMALL, 0)
    names: dict[str, Any] = {"lengths": LENGTHS, "data": data, "collate": list}
    exec(f"from torch.utils.data import DataLoader\n{lines}", names)
    assert sum(len(batch) for batch in names["loader"]) == 48


def test_measured_times_give_a_cost_model(tmp_path: Path) -> None:
    seconds = iter(np.cumsum(np.tile([0.0, 1.0], 10) * np.repeat(np.arange(1, 11), 2)).tolist())
    clock: Callable[[], float] = lambda: next(seconds)  # noqa: E731 a clock that one can foresee
    times = StepTimes(clock)
    for count in range(1, 11):
        with times.measure(np.full(count, 100)):
            pass
    found = times.fit()
    assert found.effort.seconds(np.array([100]))[0] == pytest.approx(1.0, rel=1e-6)
    times.write(tmp_path / "micro-batches.jsonl")
    assert fit(*log.read([tmp_path / "micro-batches.jsonl"])) == found
    assert found.overhead == pytest.approx(0.0, abs=1e-6)
    assert found.count == 7


def test_ranks_exchange_whole_sequences_until_the_first_has_read_all(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hosts.torch.exchanging"]
    ranks = [subprocess.Popen([*command, str(r), "2", str(tmp_path / "meet"), str(tmp_path)]) for r in range(2)]
    assert [rank.wait(120) for rank in ranks] == [0, 0]
    got = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    given = [read(rank) for rank in range(2)]
    assert [len(steps) for steps in got] == [3, 3]
    for step in range(3):
        everything = [[sequence.tolist() for rank in source for sequence in rank[step]] for source in (given, got)]
        assert sorted(everything[0]) == sorted(everything[1])
        assert [len(steps[step]) for steps in got] == [2, 2]
    assert [[len(sequence) for sequence in steps[0]] for steps in got] == [[9, 2], [3, 7]]
