"""The simulator held against a real vLLM on this machine, and policies in both hosts.

Needs the environment of `make vllm`: `.venv-vllm/bin/python -m benchmarks.real fidelity` calibrates on one workload and
validates on three others at three loads; `... real gains` compares policies under memory pressure. Both print tables
and keep them in benchmarks/results. The served model is a Llama of 15 million random parameters in float32 on one
thread; random weights do not change times.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration import machine
from benchmarks.fidelity import insert
from evenly.core import Document, Outcome, Trace
from evenly.core.document import unstructure
from evenly.hardware.calibration.engine import write
from evenly.hosts.replay import replay
from evenly.hosts.replay_outcome import outcome
from evenly.measure.slo import Slo
from evenly.serve.scenario import ServeScenario, servable
from evenly.sweep.calibrate import calibrate
from evenly.sweep.folder import exists
from evenly.sweep.folder import write as keep
from evenly.sweep.measured import read
from evenly.sweep.validate import Level, prepared, validate
from tests.hosts.vllm.server import Server, model_folder, serving

PAGE = Path(__file__).parents[1] / "docs" / "vllm.md"
RESULTS = Path(__file__).parent / "results"
MODEL = {
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}
VOCABULARY = 8000
FLAGS = ("--dtype", "float32", "--max-num-seqs", "16", "--max-num-batched-tokens", "256", "--block-size", "32")
REPEATS = 3  # of every real run
SPEEDS = (0.5, 1.0, 2.0)  # low, medium, saturating: factors on the arrivals below
SLO = Slo(ttft=2.0, tpot=0.1)
MIX = {
    "use": "poisson",
    "rate": 2.2,
    "requests": 120,
    "lengths": {"use": "normal", "prompt": 450, "output": 40, "spread": 0.8, "longest_prompt": 1500},
}
WORKLOADS: Mapping[str, Mapping[str, Any]] = {
    "short chat": {
        "use": "poisson",
        "rate": 2.5,
        "requests": 50,
        "lengths": {"use": "normal", "prompt": 90, "output": 35, "spread": 0.5, "longest_prompt": 300},
    },
    "long prompts": {
        "use": "poisson",
        "rate": 0.9,
        "requests": 30,
        "lengths": {"use": "normal", "prompt": 1000, "output": 15, "spread": 0.3, "longest_prompt": 1600},
    },
    "conversations over one system prompt": {
        "use": "multi-turn",
        "conversations": 14,
        "rate": 0.6,
        "turns": 3.5,
        "most_turns": 6,
        "system": 256,
        "user_median": 40.0,
        "user_longest": 150,
        "answer_median": 30.0,
        "answer_longest": 60,
        "think": 0.5,
        "context": 1800,
    },
}


def trace_of(source: Mapping[str, Any]) -> Trace:
    """Return a trace by the entries of a scenario."""
    return servable(_scenario(source).trace.draw(1))


def _scenario(source: Mapping[str, Any], **entries: Any) -> ServeScenario:
    return Document({"kind": "serve", "trace": dict(source), **entries}).structure(ServeScenario, ignore=("kind",))


@contextlib.contextmanager
def engine(place: Path, settings: Mapping[str, Any], flags: Sequence[str] = ()) -> Iterator[Server]:
    """Serve the model with the adapter under some policies until the block ends."""
    place.mkdir(parents=True, exist_ok=True)
    asked = ["--scheduler-cls", "evenly.hosts.vllm.Scheduler", "--additional-config", json.dumps({"evenly": settings})]
    with serving(model_folder(place, **MODEL), (*FLAGS, *asked, *flags)) as server:
        warm = {"use": "poisson", "rate": 20.0, "requests": 12}
        sizes = {"use": "normal", "prompt": 300, "output": 8, "spread": 0.8}
        run(server, trace_of({**warm, "lengths": sizes}))
        yield server


def run(server: Server, trace: Trace, speed: float = 1.0) -> Outcome:
    """Replay a trace once."""
    found = replay(trace, server.url, speed=speed, hints=True, vocabulary=VOCABULARY)
    if found.incomplete or any(found.error):
        sys.exit(f"a replay failed: {found.incomplete or next(filter(None, found.error))}")
    return outcome(found, "replay", SLO, {})


def fidelity(place: Path) -> list[dict[str, Any]]:
    """Calibrate once, replay every workload at every load in turn, and return the errors; runs that exist stay."""
    log, made = place / "steps.jsonl", place / "engine.yaml"
    with contextlib.ExitStack() as stack:
        server = None
        for repeat in range(REPEATS):
            for name, source in WORKLOADS.items():
                for speed in SPEEDS:
                    if exists(_place(place, name, speed, repeat)) and made.exists():
                        continue
                    if server is None:
                        server = stack.enter_context(engine(place / "model", {"steps": str(log)}))
                        _calibrate(server, place, log, made)
                    seen = run(server, trace_of(source), speed)
                    keep(seen, Document({"kind": "serve", "trace": source}), _place(place, name, speed, repeat))
                    print(f"repeat {repeat + 1} of {REPEATS}: {name} at {speed:g}", file=sys.stderr, flush=True)
    rows = []
    for name, source in WORKLOADS.items():
        scenario = prepared(Document({"kind": "serve", "trace": dict(source), "seed": 1}), made)
        places = [(speed, _place(place, name, speed, repeat)) for repeat in range(REPEATS) for speed in SPEEDS]
        runs = [replace(read(folder)[0], speed=speed) for speed, folder in places]
        for level in validate(scenario, made, runs, SPEEDS):
            rows += _rows(name, level)
    return rows


def _place(place: Path, name: str, speed: float, repeat: int) -> Path:
    return place / f"{name.replace(' ', '-')}-{speed:g}-{repeat}"


def _calibrate(server: Server, place: Path, log: Path, made: Path) -> None:
    """Replay the mix alone and crowded, and fit the engine's cost to these passes."""
    start = len(log.read_text().splitlines())
    mix = trace_of(MIX)
    for speed in (0.3, 1.0):
        seen = run(server, mix.take(np.arange(60 if speed < 1 else len(mix))), speed)
        keep(seen, Document({"kind": "serve", "trace": MIX}), place / f"mix-{speed}")
    lines = log.read_text().splitlines()
    part = place / "calibrate.jsonl"
    part.write_text("\n".join([lines[0], *lines[start:]]) + "\n")
    made.write_text(write(calibrate([part], place / "mix-0.3").calibration))


def _rows(name: str, level: Level) -> list[dict[str, Any]]:
    return [
        {
            "workload": name,
            "speed": level.speed,
            "figure": one.name,
            "measured": one.measured,
            "simulated": one.simulated,
            "error": one.error,
            "spread": one.spread,
            "band": one.band,
        }
        for one in level.agreements
    ]


def fidelity_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the errors of medians, tails and rates as a Markdown table, one line a workload and load."""
    figures = ("ttft p50", "tpot p50", "e2e p50", "ttft p99", "tpot p99", "e2e p99", "throughput")
    lines = [
        f"| workload | load | {' | '.join(figures)} | widest spread of the real runs |",
        f"|---|---|{'---:|' * len(figures)}---:|",
    ]
    keys = dict.fromkeys((row["workload"], row["speed"]) for row in rows)
    for name, speed in keys:
        found = {row["figure"]: row for row in rows if (row["workload"], row["speed"]) == (name, speed)}
        load = ("low", "medium", "saturating")[SPEEDS.index(speed)]
        cells = " | ".join(f"{found[figure]['error']:+.1%}" for figure in figures)
        wide = max(found[figure]["spread"] for figure in figures)
        lines.append(f"| {name} | {load} | {cells} | {wide:.0%} |")
    return "\n".join(lines)


# Policies under memory pressure: twelve programs of several turns, one of whose users asks for as much as all others.
PRESSURE_FLAGS = ("--num-gpu-blocks-override", "96")
FIRST = "first come"
POLICIES: Mapping[str, Mapping[str, Any]] = {
    FIRST: {},
    "shortest remaining": {"order": {"use": "shortest-remaining", "aging": 0.0}},
    "program first come": {"order": "program-first-come"},
    "least attained service": {"order": "least-attained-service"},
    "virtual token counter": {"order": "virtual-token-counter"},
    "program first come, kept 1 s": {"order": "program-first-come", "retain": {"use": "fixed-ttl", "ttl": 1.0}},
}


def pressure() -> Trace:
    """Return one user's 40 requests at once, and eleven programs of four turns that begin one by one."""
    chance = np.random.default_rng(5)
    greedy = [
        (chance.uniform(0, 2), chance.integers(100, 500), chance.integers(20, 80), 0, -1, -1, 0.0) for _ in range(40)
    ]
    rows: list[tuple[Any, ...]] = list(greedy)
    for program in range(11):
        begin, length, first = chance.uniform(0, 12), int(chance.integers(150, 300)), len(rows)
        for turn in range(4):
            answer = int(chance.integers(10, 40))
            before = first + turn - 1 if turn else -1
            rows.append((begin, length, answer, 1 + program % 4, program, before, 0.3))
            length += answer + int(chance.integers(20, 60))
    order = np.argsort([row[0] for row in rows], kind="stable")
    place = np.append(np.argsort(order), -1)  # of a row in the trace; the last entry stands for nobody
    columns = [np.array(column) for column in zip(*[rows[k] for k in order], strict=True)]
    names = ("arrival", "prompt", "output", "user", "session", "after", "pause")
    known: dict[str, Any] = dict(zip(names, columns, strict=True))
    return Trace(**known | {"after": place[known["after"]]})


def gains(place: Path) -> list[dict[str, Any]]:
    """Serve the same trace under every policy in both hosts; return figures and gains over first come."""
    trace = pressure()
    logs = {name: place / f"{k}.jsonl" for k, name in enumerate(POLICIES)}
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in POLICIES}
    with contextlib.ExitStack() as stack:
        servers = {}
        for k, (name, chosen) in enumerate(POLICIES.items()):
            settings = {**chosen, "steps": str(logs[name])}
            servers[name] = stack.enter_context(engine(place / f"model-{k}", settings, PRESSURE_FLAGS))
        for repeat in range(REPEATS):  # policies in turn, so that a drift of the machine meets all of them
            found = {name: _figures(run(server, trace).items) for name, server in servers.items()}
            again = _figures(run(servers[FIRST], trace).items)  # the base stands at both ends of a round
            found[FIRST] = {figure: (value + again[figure]) / 2 for figure, value in found[FIRST].items()}
            for name, figures in found.items():
                measured[name].append(figures)
            (place / f"round-{repeat}.json").write_text(json.dumps(found))
            print(f"round {repeat + 1} of {REPEATS}", file=sys.stderr, flush=True)
    made = place / "engine.yaml"
    made.write_text(write(calibrate([logs[FIRST]]).calibration))
    rows = []
    for name, chosen in POLICIES.items():
        scenario = prepared(Document({"kind": "serve", "trace": {"use": "poisson", "rate": 1.0}, **chosen}), made)
        simulated = _figures(_items(scenario, trace))
        for figure, told in simulated.items():
            seen = [one[figure] for one in measured[name]]
            bases = [one[figure] for one in measured[FIRST]]
            ratios = [base / value for base, value in zip(bases, seen, strict=True)]
            row: dict[str, Any] = {"policy": name, "figure": figure, "simulated": told}
            row |= {"measured": statistics.mean(seen), "gain": statistics.median(ratios)}
            rows.append(row | {"low": min(ratios), "high": max(ratios)})
    first = {row["figure"]: row["simulated"] for row in rows if row["policy"] == FIRST}
    return [row | {"simulated_gain": first[row["figure"]] / row["simulated"]} for row in rows]


def _items(scenario: ServeScenario, trace: Trace) -> Mapping[str, Any]:
    from evenly.serve.results import columns

    return columns(scenario.simulate(trace=trace).requests)


def _figures(items: Mapping[str, Any]) -> dict[str, float]:
    """Return mean latencies: of all requests, and of those who do not crowd the others out."""
    e2e, ttft = items["finish"] - items["arrival"], items["first_token"] - items["arrival"]
    others = items["user"] > 0
    return {
        "mean end-to-end": float(e2e.mean()),
        "mean TTFT": float(ttft.mean()),
        "mean TTFT of the other users": float(ttft[others].mean()),
    }


def gains_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return figures and gains as a Markdown table."""
    lines = [
        "| figure | policy | simulated, s | measured, s | gain, simulated | gain, measured (lowest to highest) |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: row["figure"]):
        spread = f"{row['gain']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        lines.append(
            f"| {row['figure']} | {row['policy']} | {row['simulated']:.2f} | {row['measured']:.2f} | "
            f"{row['simulated_gain']:.2f} | {spread} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run one of the two, print its table and keep its rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("fidelity", "gains"))
    parser.add_argument("--folder", type=Path, help="keep logs and calibration there; by default nowhere")
    parser.add_argument("--write", action="store_true", help="put the table into docs/vllm.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        rows = fidelity(folder) if options.what == "fidelity" else gains(folder)
    kept = {"machine": unstructure(machine()), "rows": rows}
    (RESULTS / f"real-{options.what}.json").write_text(json.dumps(kept, indent=1) + "\n")
    table = fidelity_table(rows) if options.what == "fidelity" else gains_table(rows)
    if options.write:
        PAGE.write_text(insert(PAGE.read_text(), {options.what: table}))
    print(table)


if __name__ == "__main__":
    main()
