"""One Spark session for all tests of a file; they skip where PySpark or Java is absent."""

from collections.abc import Iterator
from typing import Any

import pytest

from evenly.balance.queues.ujf import Ujf
from evenly.hosts.spark.java import java
from evenly.hosts.spark.measure import local
from evenly.hosts.spark.pools import Pools

CHEAP = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # a short run is over before Java has compiled it well
WEIGHTS = {"ann": 2.0, "nobody": 0.0}


def need(folder: Any) -> None:
    """Skip without PySpark or Java."""
    pytest.importorskip("pyspark", reason="needs the extra `spark`")
    try:
        java(folder)
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """Return two cores that try a task twice, with a pool for each user."""
    need(tmp_path_factory.mktemp("java"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", CHEAP)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        opened = local(Ujf(weights=WEIGHTS), "local[2, 2]")
    yield opened
    opened.spark.stop()
