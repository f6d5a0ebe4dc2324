"""Run aisimulate on a Mooncake trace; started by the python of the peer's own environment.

`python aisimulate_run.py TRACE BUDGET SEATS REPEATS` prints one JSON object. The time is that of the native replay
alone: reading the configuration and building the report in Python are not counted.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import aisimulate._runtime as native  # type: ignore[import-not-found]
import aisimulate_core  # type: ignore[import-not-found]
from aisimulate.config import CorePredictionConfig  # type: ignore[import-not-found]
from aisimulate.predict import run_prediction  # type: ignore[import-not-found]
from aisimulate.runner import EngineReplayRunner, EngineReplayRunnerFactory  # type: ignore[import-not-found]
from aisimulate.sweeper.replay import ReplayOutputRequirements  # type: ignore[import-not-found]

FIGURES = ("mean_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "p99_tpot_ms", "mean_e2e_latency_ms", "p99_e2e_latency_ms")
spent: list[float] = []
specs: list[str] = []


class Timed:
    """The native module, with a clock around its replay."""

    def __getattr__(self, name: str) -> Any:
        return getattr(native, name)

    @staticmethod
    def run_replay_json(spec: str) -> Any:
        """Replay and note the CPU time of all threads."""
        specs.append(spec)
        begin = time.process_time()
        result = native.run_replay_json(spec)
        spent.append(time.process_time() - begin)
        return result


def main() -> None:
    """Replay the trace as often as asked and print the best time and the figures."""
    trace, budget, seats, repeats = sys.argv[1], *map(int, sys.argv[2:5])
    EngineReplayRunner._resolve_runtime = lambda self: Timed()
    scheduler = {"max_batched_tokens": budget, "max_sequences": seats}
    config = CorePredictionConfig.model_validate(
        {
            "traffic": {
                "source": {"type": "trace", "paths": [trace], "format": "mooncake", "block_size": 512},
                "load": {"type": "trace_timestamps"},
            },
            "engine": {
                "model": "meta-llama/Meta-Llama-3.1-8B",
                "hardware": "a100_sxm",
                "backend": "vllm",
                "mode": "aggregated",
                "workers": {"aggregated": {"scheduler": scheduler}},
            },
        }
    )
    needs = ReplayOutputRequirements(include_raw_report=True, capture_per_request=False)
    for _ in range(repeats):
        result = run_prediction(
            config, stack="engine", runner_factory=EngineReplayRunnerFactory(), output_requirements=needs
        )
    rank = json.loads(specs[-1])["spec"]["engine"]["rank"]
    tables = Path(aisimulate_core.__file__).parent / "systems" / "data" / "a100_sxm"
    answer = {
        "seconds": min(spent),
        "blocks": rank["num_gpu_blocks"],
        "block": rank["block_size"],
        "tables": str(tables),
        "figures": {name: result.summary[name] / 1e3 for name in FIGURES},
    }
    print(json.dumps(answer))


main()
