"""Executors of a real Spark that are killed."""

import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from evenly.balance.queues.first_come import FirstCome
from evenly.hosts.spark.fair_share import FairShare
from evenly.hosts.spark.measure import local
from tests.hosts.spark.conftest import need

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


def executors() -> dict[int, str]:
    """Return the processes of executors of this machine that descend from this process, with their ids in Spark."""
    found, parents = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if "--executor-id" in words:
            found[int(entry.name)] = words[words.index("--executor-id") + 1]

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return {process: name for process, name in found.items() if ours(process)}


@pytest.mark.thorough
def test_a_killed_executor_loses_no_task_and_doubles_none(tmp_path: Path) -> None:
    need(tmp_path)
    spark = local(FirstCome(), "local-cluster[2,1,1024]").spark

    def work(rows: Iterable[int]) -> Iterator[tuple[int, str]]:
        import os
        import time

        time.sleep(0.1)
        for row in rows:
            yield row, os.environ.get("SPARK_EXECUTOR_DIRS", "")

    try:
        with FairShare(spark, cores=2) as shared:
            rdd = shared.context.parallelize(range(48), 24)
            jobs = []
            for user in ("bob", "ann"):
                with shared.user(user):
                    jobs.append(shared.submit(rdd, work))
            while jobs[0].finished < 4 and jobs[0].over is None:
                time.sleep(0.02)
            before = executors()
            os.kill(next(iter(before)), signal.SIGKILL)
            for job in jobs:
                assert [row for row, _ in job.result(300)] == list(range(48))
            assert len(before) == 2, "there was another one"
    finally:
        home = spark.sparkContext._jvm.System.getenv("SPARK_HOME")
        spark.stop()
        shutil.rmtree(Path(home) / "work", ignore_errors=True)  # logs of executors, which it can put nowhere else
