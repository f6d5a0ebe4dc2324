"""Train with all parts off, each alone, all of them, and all but one; write the page and the figures.

`python -m examples.training.compare [FOLDER]`; FOLDER is runs/training by default.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from evenly.core import Outcome
from evenly.hosts.torch.processes import together
from evenly.report import page
from evenly.report.units import show
from evenly.sweep.folder import write_text
from examples.training.meter import Meter
from examples.training.outcome import METRICS, outcome
from examples.training.parts import Parts, Run
from examples.training.train import train

RANKS = 2
OWN = {
    "batches": "micro_uneven",
    "unpadded": "padding",
    "vocabulary": "uneven",
    "experts": "maxvio_batch",
    "checkpoints": "stall_mean",
}
"The figure that each part is there for."
OFF, ON = "all off", "all on"
AUXILIARY = 0.3
"Factor of the auxiliary loss, chosen as the prices were: best of 0.03, 0.1 and 0.3."
ALONE = {name: Parts.named(name) for name in OWN}
DRAWN = {OFF: Parts(), **ALONE, "auxiliary loss": Parts(auxiliary=AUXILIARY), ON: Parts.named("all")}
WITHOUT = {f"all but {name}": replace(DRAWN[ON], **{name: False}) for name in OWN}
ARMS = DRAWN | WITHOUT


def measured(rank: int, run: Run, arms: Mapping[str, Parts], folder: str) -> dict[str, Meter]:
    """Train all arms as one of the ranks, after two short runs that warm up.

    They take turns of some steps, so that other work on the machine meets all of them; a checkpoint is made and copied
    in the middle of a turn.
    """
    for k, parts in enumerate((Parts(), DRAWN[ON])):
        list(train(parts, replace(run, steps=2), Path(folder) / f"warm {k}"))
    trainings = {label: train(parts, run, Path(folder) / label) for label, parts in arms.items()}
    found: dict[str, Meter] = {}
    done = 0
    for last in (*range(run.every // 2, run.steps, run.every), run.steps + 1):
        for label, training in trainings.items():
            for meter in islice(training, last - done):
                found[label] = meter
        done = last
        if rank == 0:
            print(f"{min(done, run.steps)} of {run.steps} steps", file=sys.stderr, flush=True)
    return found


def metered(run: Run, arms: Mapping[str, Parts] = ARMS) -> dict[str, list[Meter]]:
    """Return what each rank metered in each arm, trained in two new processes."""
    with tempfile.TemporaryDirectory(prefix="evenly-") as folder:
        ranks = together(RANKS, measured, run, arms, folder)
    return {label: [rank[label] for rank in ranks] for label in arms}


def outcomes(run: Run, found: Mapping[str, Sequence[Meter]], arms: Mapping[str, Parts] = ARMS) -> dict[str, Outcome]:
    """Return the outcome of each arm."""
    return {label: outcome(label, arms[label], run, ranks) for label, ranks in found.items()}


def gains(found: Mapping[str, Outcome]) -> dict[str, dict[str, Any]]:
    """Return of each part its own figure, off and alone, and by how much throughput grows.

    Both are told where a part is the only one, and where it joins all the others.
    """
    rows = {}
    for name, own in OWN.items():
        places = {"alone": (OFF, name), "last": (f"all but {name}", ON)}
        rows[name] = {"figure": own} | {
            place: {
                "before": found[one].metrics[own],
                "after": found[two].metrics[own],
                "throughput": found[two].metrics["throughput"] / found[one].metrics["throughput"],
            }
            for place, (one, two) in places.items()
        }
    return rows


def figures(run: Run, found: Mapping[str, Outcome]) -> dict[str, Any]:
    """Return all figures as JSON holds them, four digits each: the rest differs from run to run."""
    arms = {label: dict(made.metrics) for label, made in found.items()}
    together = found[ON].metrics["throughput"] / found[OFF].metrics["throughput"]
    whole = json.dumps({"run": repr(run), "arms": arms, "gains": gains(found), "together": together})
    rounded: dict[str, Any] = json.loads(whole, parse_float=lambda text: float(f"{float(text):.4g}"))
    return rounded


def write(run: Run, found: Mapping[str, Outcome], folder: Path) -> None:
    """Write `report.html` with the arms that are drawn, and `figures.json` with all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "figures.json", json.dumps(figures(run, found), indent=1) + "\n")
    drawn = [found[label] for label in DRAWN]
    page.write(drawn, folder / "report.html", title="Training in balance, end to end", metrics=METRICS)


def table(
    found: Mapping[str, Any], least: Mapping[str, Any] | None = None, most: Mapping[str, Any] | None = None
) -> str:
    """Return what each part brings, from `figures`, as a Markdown table.

    `least` and `most` hold the least and the greatest of several runs, where `found` holds their medians.
    """

    def ratio(of: Callable[[Mapping[str, Any]], float]) -> str:
        spread = "" if least is None or most is None else f" ({of(least):.2f} to {of(most):.2f})"
        return show(of(found), "x") + spread

    heads = ["part", "its figure", "off", "alone", "throughput alone", "throughput, joining all others"]
    lines = ["| " + " | ".join(heads) + " |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    known = {metric.name: metric for metric in METRICS}
    for name, gain in found["gains"].items():
        metric, alone = known[gain["figure"]], gain["alone"]
        shown = [show(alone[when], metric.unit) for when in ("before", "after")]
        ratios = [ratio(partial(_gained, name, place)) for place in ("alone", "last")]
        lines.append("| " + " | ".join([f"`{name}`", metric.title, *shown, *ratios]) + " |")
    return "\n".join([*lines, f"| all together | | | | {ratio(lambda run: float(run['together']))} | |"])


def _gained(part: str, place: str, found: Mapping[str, Any]) -> float:
    """Return by how much throughput grows where a part is the only one, or the last one."""
    return float(found["gains"][part][place]["throughput"])


def arms(found: Mapping[str, Any]) -> str:
    """Return all figures of all arms, from `figures`, as a Markdown table."""
    lines = ["| | " + " | ".join(metric.title for metric in METRICS) + " |"]
    lines.append("| --- |" + " ---: |" * len(METRICS))
    for label, metrics in found["arms"].items():
        cells = [show(metrics[metric.name], metric.unit) for metric in METRICS]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, print what each part brings, and say where page and figures are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/training"), help="for page and figures")
    parser.add_argument("--steps", type=int, default=Run().steps, help="steps of each run")
    asked = parser.parse_args(arguments)
    run = Run(steps=asked.steps)
    found = outcomes(run, metered(run))
    write(run, found, asked.folder)
    print(f"{table(figures(run, found))}\n\n{asked.folder / 'report.html'}\n{asked.folder / 'figures.json'}")


if __name__ == "__main__":
    main()
