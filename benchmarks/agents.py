"""Agent programs with real tools against a real vLLM on this machine, under several policies, beside the simulator.

Needs the environment of `make vllm`: `.venv-vllm/bin/python -m benchmarks.agents` runs twelve programs whose tools are
child processes (a wait, and a search through the files of this package) under four policies in turn, and prints what
the programs and the engine saw. The first policy's passes are what the cost model is calibrated on. `--tenants` takes
programs of three tenants and the policies of docs/combined.md instead.
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
from evenly.core import Array, Document, Floats, Ints, Trace
from evenly.core.document import unstructure
from evenly.hardware.calibration.engine import write
from evenly.hosts.agents import Acted, agents
from evenly.hosts.replay_outcome import columns as replayed_columns
from evenly.serve.results import columns, job_figures
from evenly.serve.scenario import ServeScenario
from evenly.serve.users import fair_share
from evenly.sweep.calibrate import calibrate
from evenly.sweep.validate import prepared
from evenly.traces.sources.agents import Agents
from tests.hosts.vllm.server import Server

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs"
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
TENANTS = 3
WINDOW = 2.0  # seconds over which tenants are compared: a run takes about twenty
# The host's memory is the device here, so there is nothing to copy contexts to, and they are held as long as it pays.
LEARNED = {"use": "learned-ttl", "samples": 10}
OF_TENANTS: Mapping[str, Mapping[str, Any]] = {
    FIRST: {},
    "virtual token counter": {"order": "virtual-token-counter"},
    "Continuum": {**BY_PROGRAM, "retain": LEARNED},
    "combined": {"order": "fair-programs", "evict": "latest-program", "retain": LEARNED},
}


@dataclass(frozen=True, slots=True)
class Two:
    """Wait or search, each as often."""

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return codes of `COMMANDS` and what the simulator takes them for."""
        tool = chance.integers(0, 2, count)
        return tool, np.where(tool == 0, WAIT, SEARCH)


def programs(users: int = 0) -> Trace:
    """Return twelve programs of about eight turns, which begin within three seconds, of `users` tenants."""
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
        users=users,
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


def run(server: Server, users: int) -> Acted:
    """Run the programs once."""
    found = agents(programs(users), server.url, COMMANDS, limit=LIMIT, vocabulary=VOCABULARY)
    if found.replayed.incomplete or any(found.replayed.error):
        sys.exit(f"a run failed: {found.replayed.incomplete or next(filter(None, found.replayed.error))}")
    if killed := [call for call in found.calls if call.status is None]:
        sys.exit(f"{len(killed)} tools took longer than {LIMIT} s")
    return found


def figures(found: Acted) -> dict[str, float]:
    """Return mean and tail of the programs' times, the prompt tokens that were computed, and figures of tenants."""
    seconds = np.array(list(found.jobs().values()))
    times = {"job mean": float(seconds.mean()), "job p95": float(np.quantile(seconds, 0.95))}
    return times | {"prefilled": float(found.prefilled())} | of_tenants(replayed_columns(found.replayed))


def of_tenants(items: Mapping[str, Array]) -> dict[str, float]:
    """Return the tail of the first token and the fair share; nothing if the trace names no tenants."""
    if items["user"].max() < 0:
        return {}
    waits = items["first_token"] - items["arrival"]
    return {"TTFT p99": float(np.quantile(waits, 0.99)), "fair share": fair_share(items, WINDOW)}


def simulated(chosen: Mapping[str, Any], made: Path, users: int) -> dict[str, float]:
    """Return the same figures of the simulator with the calibrated engine."""
    scenario: ServeScenario = prepared(Document({"kind": "serve", "trace": "agents", **chosen}), made)
    items = columns(scenario.simulate(trace=programs(users)).requests)
    jobs = job_figures(items)
    prefilled = float((items["prompt"] - items["cached"]).sum())
    times = {"job mean": jobs["job_mean"], "job p95": jobs["job_p95"], "prefilled": prefilled}
    return times | of_tenants(items)


def compared(
    place: Path, repeats: int = REPEATS, policies: Mapping[str, Mapping[str, Any]] = POLICIES, users: int = 0
) -> tuple[list[dict[str, Any]], dict[str, Acted]]:
    """Run every policy in turn, `repeats` times; return figures of both hosts, and the last run of each policy.

    The first policy decides nothing; its passes in a run before all others are those that costs are calibrated on.
    """
    made, log = place / "engine.yaml", place / "steps.jsonl"
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in policies}
    last: dict[str, Acted] = {}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(engine(place / "model-0", {"steps": str(log)}, FLAGS))
        run(first, users)
        made.write_text(write(calibrate([log]).calibration))
        told = {name: simulated(chosen, made, users) for name, chosen in policies.items()}
        servers = {FIRST: first}
        for k, name in enumerate(list(policies)[1:], 1):
            own = place / f"model-{k}"
            own.mkdir()
            servers[name] = stack.enter_context(engine(own, settings_of(policies[name], own, made), FLAGS))
        for repeat in range(repeats):
            for name, server in servers.items():
                last[name] = run(server, users)
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
        digits = {"prefilled": 0, "fair share": 3}.get(row["figure"], 1)
        spread = f"{row['measured']:,.{digits}f} ({row['low']:,.{digits}f} to {row['high']:,.{digits}f})"
        lines.append(f"| {row['figure']} | {row['policy']} | {row['simulated']:,.{digits}f} | {spread} |")
    return "\n".join(lines)


def main() -> None:
    """Run, print the table and keep its rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", action="store_true", help="programs of several tenants")
    parser.add_argument("--write", action="store_true", help="put the table into the documentation")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        policies, users = (OF_TENANTS, TENANTS) if options.tenants else (POLICIES, 0)
        rows, _ = compared(Path(place), policies=policies, users=users)
    name, page = ("real-combined", "combined.md") if options.tenants else ("real-agents", "systems/continuum.md")
    kept = {"machine": unstructure(machine()), "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    if options.write:
        (DOCS / page).write_text(insert((DOCS / page).read_text(), {"agents": table(rows)}))
    print(table(rows))


if __name__ == "__main__":
    main()
