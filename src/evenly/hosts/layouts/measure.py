"""Which layout of two workers is fastest on this machine, and what the simulator of plans expected."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evenly.core import Ints
from evenly.hosts.arenas.measure import CORES, cores
from evenly.hosts.decoder import Shape
from evenly.hosts.layouts.crew import Crew
from evenly.hosts.layouts.fitted import foreseen, rows, tabled
from evenly.hosts.layouts.network import WAYS, drawn, plain
from evenly.hosts.layouts.worker import Task
from evenly.plan.layout import Layout

PROMPTS, OUTPUTS = (8, 65), (8, 25)  # tokens of a request, uniform; the second number is not among them
CONTEXTS = (16, 48)  # tokens of the prompts of uniform batches, from which tables are made
STEPS = 6  # passes of a wave of equal requests
ROUNDS = 4
MOST = 2048  # tokens of a pass


@dataclass(frozen=True, slots=True)
class Case:
    """A network and how many requests it computes at once."""

    shape: Shape
    seats: int


CASES = {
    # Weights that no cache holds: who reads half of them is fast.
    "wide": Case(Shape(layers=4, width=512, heads=8, vocabulary=8192, context=256), seats=4),
    # Many short operations: who exchanges after each of them is slow.
    "narrow": Case(Shape(layers=6, width=128, heads=4, vocabulary=2048, context=256), seats=8),
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
    `ordered` is the share of pairs of layouts that the simulator puts in the measured order.
    """
    before = cores()
    figures = {name: value for case in CASES for name, value in compared(case, elapsed).items()}
    figures["off"] = max(value for name, value in figures.items() if name.endswith("_off"))
    kept = [figures[f"{case}_ordered"] for case in CASES]
    figures["ordered"] = sum(kept) / len(kept)
    have = min(before, cores())
    if elapsed and have < CORES:
        figures = dict.fromkeys(figures, float("nan"))
    return figures | {"cores": have}


def compared(name: str, elapsed: bool) -> dict[str, float]:
    """Return the figures of one network, their names begun with its own."""
    case, ours, expected = CASES[name], dict[str, float](), dict[str, float]()
    prompts, output = requests(0, 2 * case.seats, case.shape.vocabulary)
    tasks = {
        way: [Task(layout, prompts, output, case.seats, elapsed=elapsed), *uniform(layout, case, elapsed)]
        for way, layout in WAYS.items()
    }
    with Crew(case.shape, 0, MOST) as crew:  # all in every round, so that what disturbs one disturbs all
        served = crew.serve(*(task for every in tasks.values() for task in every), rounds=ROUNDS)
    for way, every in tasks.items():
        real, *learnt = (served.pop(0) for _ in every)
        ours[way] = 1e3 * float(np.nanmean(real.pace()))
        expected[way] = 1e3 * float(np.nanmean(foreseen(real.task, tabled(rows(learnt)))))
    figures = {f"{name}_{way}_ms": ours[way] for way in WAYS}
    figures |= {f"{name}_{way}_expected": expected[way] for way in WAYS}
    figures |= {f"{name}_{way}_off": 100 * abs(expected[way] / ours[way] - 1) for way in WAYS}
    return figures | {f"{name}_ordered": ordered(ours, expected), f"{name}_DP2_TP2": ours["DP2"] / ours["TP2"]}


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
