"""Run the twin by the name of an engine."""

from collections.abc import Sequence

from tests.serve.twin.engine import Engine, serve
from tests.serve.twin.jobs import Cost, Job, Pass, Setup
from tests.serve.twin.others import FastGen, Orca, Sarathi
from tests.serve.twin.vllm import V0, V1, V0Chunked

ENGINES: dict[str, type[Engine]] = {
    "vllm-v0": V0,
    "vllm-v0-chunked": V0Chunked,
    "vllm-v1": V1,
    "sarathi": Sarathi,
    "orca": Orca,
    "fastgen": FastGen,
}


def run(setup: Setup, jobs: Sequence[Job], cost: Cost) -> tuple[Engine, list[Pass]]:
    """Serve the jobs and return the engine as it ended and the passes."""
    engine = ENGINES[setup.engine](setup)
    return engine, serve(engine, jobs, cost)
