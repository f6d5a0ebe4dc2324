"""A pipeline with its output layer on the last stage, and with it on all of them: what each process computes.

Two processes on gloo, one thread each; losses and gradients are compared with a whole layer first. Needs torch.
"""

import torch

from benchmarks.figures import Figure
from benchmarks.turns import ratio
from evenly.hosts.torch.processes import together
from evenly.hosts.torch.vocabulary.busy import ends, sharded
from evenly.hosts.torch.vocabulary.measure import MICRO, NAMES, SIZE, cpu, order, output

REPEATS = 3  # of all processes, begun anew
WORDS = 32_000
APART = 1e-6  # largest difference of a loss or gradient in float32
TOLD = {
    "ends": "torch's 1F1B, whole layer on the last stage",
    "one": "sharded, one barrier",
    "two": "sharded, two barriers",
}


def measure() -> list[Figure]:
    """Return CPU seconds of each rank by where the output layer is, and ratios to it on the last stage."""
    runs = [together(SIZE, step, seed) for seed in range(REPEATS)]
    figures = []
    for name in NAMES.values():
        worst = max(each[f"apart_{name}"] for run in runs for each in run)
        figures.append(Figure(f"{TOLD[name]}: largest difference from a whole layer", worst, "", APART))
    for name, told in TOLD.items():
        times = {rank: [run[rank][name] for run in runs] for rank in range(SIZE)}
        figures += [Figure.of(f"{told}: rank {rank}", found, "CPU s") for rank, found in times.items()]
    busiest = {name: [max(each[name] for each in run) for run in runs] for name in TOLD}
    summed = {name: [sum(each[name] for each in run) for run in runs] for name in TOLD}
    for name in NAMES.values():
        told = TOLD[name]
        figures.append(ratio(f"busiest rank, last stage over {told}", busiest, "ends", name, 1.0, at_least=True))
        figures.append(ratio(f"all ranks together, last stage over {told}", summed, "ends", name))
    work = [each["whole_cpu"] / each["cpu"] for run in runs for each in run]
    figures.append(
        Figure.of(f"output layer of {WORDS:,} words alone, whole over a shard", work, "x", 1.6, at_least=True)
    )
    return figures


def step(rank: int, seed: int) -> dict[str, float]:
    """Compare gradients, then measure a step of each pipeline, in one of the processes."""
    torch.manual_seed(seed)
    apart = {f"apart_{name}": worst for name, worst in output(torch.float32, WORDS).items()}
    busy = {name: sharded(order(barriers)) for barriers, name in NAMES.items()}
    return apart | cpu() | busy | {"ends": ends(rank, SIZE, MICRO)}
