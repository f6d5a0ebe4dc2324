"""Local properties of Spark: what a thread says of the jobs that it submits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

USER = "evenly.user"  # whose jobs a thread submits; threads inherit it as they do Spark's own properties


@contextmanager
def holding(context: Any, name: str, value: str) -> Iterator[None]:
    """Let a local property of this thread have a value for a while.

    Threads that are started meanwhile as `pyspark.InheritableThread` have it for good, others do not have it. Raises
    `ValueError` where threads of Python share one of Java, whose properties would then be mixed up.
    """
    if not value:
        raise ValueError("a user's name is not empty")
    if os.environ.get("PYSPARK_PIN_THREAD", "true").lower() == "false":
        raise ValueError("unset PYSPARK_PIN_THREAD: without it users of several threads are not told apart")
    before = context.getLocalProperty(name)
    context.setLocalProperty(name, value)
    try:
        yield
    finally:
        context.setLocalProperty(name, before)
