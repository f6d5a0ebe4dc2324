"""Which layout of two workers is fastest on this machine, and what the simulator of plans expected."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

import numpy as np

from evenly.core import Ints
from evenly.hosts.arenas.measure import CORES, cores
from evenly.hosts.decoder import Shape
from evenly.hosts.layouts.crew import Crew
from evenly.hosts.layouts.fitted import foreseen, rows, tabled
from evenly.hosts.layouts.network import WAYS, drawn, plain
from evenly.hosts.layouts.worker import Task
from evenly.plan.layout import Layout

PROMPTS, OUTPUTS = (8, 49), (6, 17)  # tokens of a request, uniform; the second number is not among them
CONTEXTS = (16, 48)  # tokens of the prompts of uniform batches, from which tables are made
STEPS = 5  # passes of a wave of equal requests
ROUNDS = 5
SEEDS = (0, 1)  # of the requests that the simulator has to foresee
MOST = 2048  # tokens of a pass


@dataclass(frozen=True, slots=True)
class Case:
    """A network and how many requests it computes at once."""

    shape: Shape
    seats: int


CASES = {
    # Weights that no cache holds: who reads half of them is fast.
    "wide": Case(Shape(layers=4, width=512, heads=8, vocabulary=4096, context=256), seats=4),
    # Many short operations: who exchanges after each of them is slow.
    "narrow": Case(Shape(layers=4, width=128, heads=4, vocabulary=1024, context=256), seats=8),
}
SMALL = Case(Shape(layers=2, width=48, heads=4, vocabulary=300, context=256), seats=6)


def apart(seed: int, case: Case = SMALL) -> dict[str, float]:
    """Return how far all layouts are from a plain forward pass in one process.

    `tokens`: those that differ from its likeliest ones; `scores`: the largest difference, over the largest score.
    """
    prompts, output = requests(seed, 3 * case.seats, case.shape.vocabulary)
    whole = drawn(case.shape, seed)
    tokens, scores = 0, 0.0
    with Crew(case.shape, seed, MOST) as crew:
        for layout in WAYS.values():
            (served,) = crew.serve(Task(layout, prompts, output, case.seats, record=True))
            for i, prompt in enumerate(prompts):
                answer = served.answer(i)
                expected = plain(whole, np.array([*prompt, *answer[:-1]]))[len(prompt) - 1 :]
                tokens += int((expected.argmax(axis=1) != answer).sum())
                scores = max(scores, float(np.abs(served.scores(i) - expected).max() / np.abs(expected).max()))
    return {"tokens": float(tokens), "scores": scores}


def measure(elapsed: bool = False) -> dict[str, float]:
    """Return the time a token of every layout of both networks in ms, and how far the simulator is off in %.

    Times are those of the workers' clocks: of two cores with nothing else to do, whatever runs beside. With `elapsed`
    they are what a clock on the wall shows, which is not a number while two threads get less than 1.8 cores, `cores`.
    `ordered` is the share of pairs of layouts that the simulator puts in the measured order, over all sets of requests;
    `off` and `off_most` are the mean and the largest error.
    """
    before = cores()
    figures, errors, order = dict[str, float](), list[float](), list[float]()
    for name, case in CASES.items():
        pairs = compared(case, elapsed)
        errors += [100 * abs(expected[way] / ours[way] - 1) for ours, expected in pairs for way in WAYS]
        order += [ordered(ours, expected) for ours, expected in pairs]
        for way in WAYS:
            figures[f"{name}_{way}_ms"] = 1e3 * fmean(ours[way] for ours, _ in pairs)
            figures[f"{name}_{way}_expected_ms"] = 1e3 * fmean(expected[way] for _, expected in pairs)
        figures[f"{name}_DP2_TP2"] = figures[f"{name}_DP2_ms"] / figures[f"{name}_TP2_ms"]
    figures |= {"off": fmean(errors), "off_most": max(errors), "ordered": fmean(order)}
    have = min(before, cores())
    if elapsed and have < CORES:
        figures = dict.fromkeys(figures, float("nan"))
    return figures | {"cores": have}


def compared(case: Case, elapsed: bool) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Return the mean seconds of a token by layout, as measured and as simulated, for each set of requests."""
    drawn = [requests(seed, 2 * case.seats, case.shape.vocabulary) for seed in SEEDS]
    tasks = {
        way: [Task(layout, *some, case.seats, elapsed=elapsed) for some in drawn] + uniform(layout, case, elapsed)
        for way, layout in WAYS.items()
    }
    with Crew(case.shape, 0, MOST) as crew:  # all in every round, so that what disturbs one disturbs all
        served = crew.serve(*(task for every in tasks.values() for task in every), rounds=ROUNDS)
    pairs = [(dict[str, float](), dict[str, float]()) for _ in SEEDS]
    for way, every in tasks.items():
        mine = [served.pop(0) for _ in every]
        tables = tabled(rows(mine[len(SEEDS) :]))
        for one, (ours, expected) in zip(mine, pairs, strict=False):  # the waves come after the sets of requests
            ours[way] = float(np.nanmean(one.pace()))
            expected[way] = float(np.nanmean(foreseen(one.task, tables)))
    return pairs


def uniform(layout: Layout, case: Case, elapsed: bool) -> list[Task]:
    """Return batches of equal requests, of every size up to the seats, two waves of each: what tables are made from."""
    members, made = layout.members, []
    for length in CONTEXTS:
        for count in (1 << k for k in range(int(np.log2(case.seats // members)) + 1)):
            prompts = [np.arange(length) % case.shape.vocabulary] * (2 * members * count)
            made.append(Task(layout, prompts, np.full(len(prompts), STEPS), members * count, elapsed=elapsed))
    return made


def requests(seed: int, count: int, vocabulary: int) -> tuple[list[Ints], Ints]:
    """Return prompts and the tokens of their answers."""
    chance = np.random.default_rng([seed, 47])
    prompts = [chance.integers(0, vocabulary, size) for size in chance.integers(*PROMPTS, count)]
    return prompts, chance.integers(*OUTPUTS, count)


def ordered(ours: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """Return the share of pairs that both put in the same order.

    >>> ordered({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 3.0, "c": 2.0})
    0.6666666666666666
    """
    pairs = list(combinations(ours, 2))
    return sum((ours[a] < ours[b]) == (expected[a] < expected[b]) for a, b in pairs) / len(pairs)


def main() -> None:
    """Print what this machine shows, by the workers' clocks and by that on the wall."""
    for title, figures in (("", apart(0) | measure()), ("elapsed ", measure(elapsed=True))):
        for name, value in figures.items():
            print(f"{title}{name:24} {value:.6g}" if np.isfinite(value) else f"{title}{name:24} not measurable")


if __name__ == "__main__":
    main()
