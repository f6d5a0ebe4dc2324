"""Agent programs with real tools against a real vLLM on this machine, under several policies, beside the simulator.

Needs the environment of `make vllm`: `.venv-vllm/bin/python -m benchmarks.agents` runs twelve programs whose tools are
child processes (a wait, and a search through the files of this package) under four policies in turn, and prints what
the programs and the engine saw. The first policy's passes are what the cost model is calibrated on.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import evenly
from benchmarks.calibration import machine
from benchmarks.fidelity import insert
from benchmarks.real import VOCABULARY, engine
from evenly.core import Document, Floats, Ints, Trace
from evenly.core.document import unstructure
from evenly.hardware.calibration.engine import write
from evenly.hosts.agents import Acted, agents
from evenly.serve.results import columns, job_figures
from evenly.serve.scenario import ServeScenario
from evenly.sweep.calibrate import calibrate
from evenly.sweep.validate import prepared
from evenly.traces.sources.agents import Agents
from tests.hosts.vllm.server import Server

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "systems" / "continuum.md"
FLAGS = ("--num-gpu-blocks-override", "96", "--enable-prompt-tokens-details")  # less than three programs at their end
WAIT = 0.3  # seconds of the tool that only waits
SEARCH = 0.1  # seconds that the simulator takes for a search; the real one takes what it takes
LIMIT = 20.0  # seconds after which a tool is killed
COMMANDS = (("sleep", str(WAIT)), ("grep", "-rc", "def ", str(Path(evenly.__file__).parent)))
REPEATS = 3
FIRST = "first come"
BY_PROGRAM = {"order": "kept-first", "evict": "latest-program"}
POLICIES: Mapping[str, Mapping[str, Any]] = {
    FIRST: {},
    "by program": BY_PROGRAM,
    "by program, kept 2 s": {**BY_PROGRAM, "retain": {"use": "fixed-ttl", "ttl": 2.0}},
    # A hundred pauses, as published, are more than twelve programs have.
    "by program, learned": {**BY_PROGRAM, "retain": {"use": "learned-ttl", "samples": 10}},
}


@dataclass(frozen=True, slots=True)
class Two:
    """Wait or search, each as often."""

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return codes of `COMMANDS` and what the simulator takes them for."""
        tool = chance.integers(0, 2, count)
        return tool, np.where(tool == 0, WAIT, SEARCH)


def programs() -> Trace:
    """Return twelve programs of about eight turns, which begin within three seconds."""
    return Agents(
        programs=12,
        rate=4.0,
        turns=8.0,
        turns_deviation=1.5,
        first=350.0,
        first_deviation=60.0,
        added=90.0,
        added_sigma=0.5,
        output_median=10.0,
        output_sigma=0.4,
        context=1900,
        tools=Two(),
    ).draw(1)


def settings_of(chosen: Mapping[str, Any], place: Path, made: Path) -> dict[str, Any]:
    """Return the adapter's settings: what a policy wants to know of costs comes from the calibrated engine."""
    if "retain" not in chosen:
        return dict(chosen)
    file = place / "scenario.yaml"
    file.write_text(
        json.dumps({"kind": "serve", "trace": "agents", "cost": {"use": "calibrated", "path": str(made)}, **chosen})
    )
    return {"scenario": str(file)}


def run(server: Server) -> Acted:
    """Run the programs once."""
    found = agents(programs(), server.url, COMMANDS, limit=LIMIT, vocabulary=VOCABULARY)
    if found.replayed.incomplete or any(found.replayed.error):
        sys.exit(f"a run failed: {found.replayed.incomplete or next(filter(None, found.replayed.error))}")
    if killed := [call for call in found.calls if call.status is None]:
        sys.exit(f"{len(killed)} tools took longer than {LIMIT} s")
    return found


def figures(found: Acted) -> dict[str, float]:
    """Return mean and tail of the programs' times, and the prompt tokens that were computed."""
    seconds = np.array(list(found.jobs().values()))
    return {
        "job mean": float(seconds.mean()),
        "job p95": float(np.quantile(seconds, 0.95)),
        "prefilled": float(found.prefilled()),
    }


def simulated(chosen: Mapping[str, Any], made: Path) -> dict[str, float]:
    """Return the same figures of the simulator with the calibrated engine."""
    scenario: ServeScenario = prepared(Document({"kind": "serve", "trace": "agents", **chosen}), made)
    requests = scenario.simulate(trace=programs()).requests
    jobs = job_figures(columns(requests))
    prefilled = float((requests["prompt"] - requests["cached"]).sum())
    return {"job mean": jobs["job_mean"], "job p95": jobs["job_p95"], "prefilled": prefilled}


def compared(
    place: Path, repeats: int = REPEATS, policies: Mapping[str, Mapping[str, Any]] = POLICIES
) -> tuple[list[dict[str, Any]], dict[str, Acted]]:
    """Run every policy in turn, `repeats` times; return figures of both hosts, and the last run of each policy.

    The first policy decides nothing; its passes in a run before all others are those that costs are calibrated on.
    """
    made, log = place / "engine.yaml", place / "steps.jsonl"
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in policies}
    last: dict[str, Acted] = {}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(engine(place / "model-0", {"steps": str(log)}, FLAGS))
        run(first)
        made.write_text(write(calibrate([log]).calibration))
        told = {name: simulated(chosen, made) for name, chosen in policies.items()}
        servers = {FIRST: first}
        for k, name in enumerate(list(policies)[1:], 1):
            own = place / f"model-{k}"
            own.mkdir()
            servers[name] = stack.enter_context(engine(own, settings_of(policies[name], own, made), FLAGS))
        for repeat in range(repeats):
            for name, server in servers.items():
                last[name] = run(server)
                seen[name].append(figures(last[name]))
            now = ", ".join(f"{name} {seen[name][-1]['prefilled']:,.0f}" for name in policies)
            print(f"round {repeat + 1} of {repeats}, prefilled: {now}", file=sys.stderr, flush=True)
    rows = []
    for name in policies:
        for figure, value in told[name].items():
            values = [one[figure] for one in seen[name]]
            spread = {"low": min(values), "high": max(values)}
            rows.append(
                {"policy": name, "figure": figure, "simulated": value, "measured": statistics.mean(values)} | spread
            )
    return rows, last


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| figure | policy | simulated | measured (lowest to highest) |", "|---|---|---:|---:|"]
    for row in sorted(rows, key=lambda row: row["figure"]):
        digits = 0 if row["figure"] == "prefilled" else 1
        spread = f"{row['measured']:,.{digits}f} ({row['low']:,.{digits}f} to {row['high']:,.{digits}f})"
        lines.append(f"| {row['figure']} | {row['policy']} | {row['simulated']:,.{digits}f} | {spread} |")
    return "\n".join(lines)


def main() -> None:
    """Run, print the table and keep its rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/systems/{PAGE.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rows, _ = compared(Path(place))
    kept = {"machine": unstructure(machine()), "rows": rows}
    (RESULTS / "real-agents.json").write_text(json.dumps(kept, indent=1) + "\n")
    if options.write:
        PAGE.write_text(insert(PAGE.read_text(), {"agents": table(rows)}))
    print(table(rows))


if __name__ == "__main__":
    main()
