"""A real scheduler and real workers: processes that are killed, and the ways to turn the plug-in on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dask import config
from distributed import Client, LocalCluster, wait

from evenly.hosts.dask import FairShare
from tests.hosts.dask.cluster import balanced, until


def busy(number: int, folder: str) -> int:
    """Leave a trace of each run, and keep the core busy for some milliseconds."""
    with (Path(folder) / str(number)).open("a") as trace:
        trace.write("x")
    return sum(range(50_000)) * 0 + number


def test_a_killed_worker_loses_no_task_and_delays_nobody(tmp_path: Path) -> None:
    plugins = {"plugins": [FairShare()], "validate": True}
    with (
        config.set({"distributed.scheduler.allowed-failures": 10}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", scheduler_kwargs=plugins) as cluster,
        Client(cluster, name="heavy") as heavy,
        Client(cluster, name="light") as light,
    ):
        first = heavy.map(busy, range(200), folder=str(tmp_path))
        until(lambda: len(list(tmp_path.iterdir())) > 20)
        os.kill(next(iter(cluster.scheduler.workers.values())).pid, signal.SIGKILL)
        second = light.map(busy, range(1000, 1010), folder=str(tmp_path))
        assert light.gather(second) == list(range(1000, 1010))
        assert heavy.gather(first) == list(range(200))
        assert len(list(tmp_path.iterdir())) == 210
        balanced(cluster.scheduler)


def test_restarted_it_begins_anew() -> None:
    plugins = {"plugins": [FairShare()], "validate": True}
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0", scheduler_kwargs=plugins) as cluster,
        Client(cluster) as client,
    ):
        done = client.map(str, range(20))
        wait(done)
        client.restart(wait_for_workers=False)  # without a nanny the worker does not come back
        until(lambda: not cluster.scheduler.workers and not client.futures)  # the client hears of it on its own
        future = client.submit(str, 1, key="later")
        until(lambda: [ts.key for ts in cluster.scheduler.queued] == ["later"])
        balanced(cluster.scheduler)
        assert not future.done()


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "info"}


def test_the_scheduler_of_the_command_line_shares_by_the_queue_that_it_is_told(
    environment: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "scheduler.json"
    command = [
        sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--dashboard-address", ":0",
        "--host", "127.0.0.1",
        "--scheduler-file", str(place), "--preload", "evenly.hosts.dask", "--queue", "uwfq", "--weight", "ann=2",
    ]  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stderr=log, env=environment)
        try:
            until(place.exists)
            with Client(scheduler_file=str(place)) as client:
                known = client.run_on_scheduler(lambda dask_scheduler: str(type(dask_scheduler.queued)))
                assert "Waiting" in known
        finally:
            server.terminate()
            server.wait()
    assert "Uwfq(weights={'ann': 2.0}, grace=3.0)" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--queue", "uwfqq"], "did you mean 'uwfq'"),
        (["--weight", "ann"], "a user and a number such as ann=2"),
        (["--queue", "first-come", "--weight", "ann=2"], "no field 'weights'"),
        (["--weight", "ann=-1"], "at least 0"),
    ],
)
def test_options_that_are_wrong_end_the_command(options: list[str], says: str) -> None:
    from click.testing import CliRunner
    from distributed.cli.dask_scheduler import main

    found = CliRunner().invoke(main, ["--port", "0", "--preload", "evenly.hosts.dask", *options])
    assert found.exit_code != 0
    assert says in found.output


def test_it_can_be_registered_twice_and_the_second_counts() -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster) as client:
        client.register_plugin(FairShare())
        one = cluster.scheduler.plugins[FairShare.name]
        client.register_plugin(FairShare())
        assert cluster.scheduler.plugins[FairShare.name] is not one
        wait(client.map(str, range(20)))
        balanced(cluster.scheduler)
        assert one._scheduler is None
