"""ALF-LB: prices that balance experts, against linear programs, the best fixed prices, and an auxiliary loss."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evenly.core import Floats
from evenly.hardware.model import model
from evenly.papers.data import public
from evenly.papers.reproduce import Skipped
from evenly.train.experts import results
from evenly.train.experts.affinities import Affinity, Shape
from evenly.train.experts.affinities.counted import Counted
from evenly.train.experts.affinities.gaussian import Gaussian
from evenly.train.experts.affinities.rotating import Rotating
from evenly.train.experts.affinities.switching import Switching
from evenly.train.experts.balancers import Balancer, Seen
from evenly.train.experts.balancers.annealed import Annealed
from evenly.train.experts.balancers.newton import Newton
from evenly.train.experts.balancers.nothing import Nothing
from evenly.train.experts.balancers.proportional import Proportional
from evenly.train.experts.balancers.quantile import Quantile
from evenly.train.experts.balancers.sign import Sign
from evenly.train.experts.costs import Costs
from evenly.train.experts.lagrangian import dual, switching
from evenly.train.experts.oracle import optimum
from evenly.train.experts.regret import fixed_prices
from evenly.train.experts.routing import Still, chosen, routed, violation
from evenly.train.experts.scenario import ExpertsScenario
from evenly.train.experts.simulate import simulate

STUDY = Shape(layers=1, tokens=4096, experts=64, active=6)
STEPS, SWUNG, FRESH_STEPS, LAST = 1000, 300, 700, 50
FIXED: Mapping[str, tuple[Balancer, int]] = {  # and the steps after which it is judged: those that swing do so soon
    "none": (Nothing(), 1),
    "sign_1e-2": (Sign(1e-2), SWUNG),
    "sign_1e-3": (Sign(1e-3), STEPS),
    "sign_1e-4": (Sign(1e-4), STEPS),
    "proportional_1e-2": (Proportional(1e-2), STEPS),
    "proportional_0.1": (Proportional(0.1), SWUNG),
    "proportional_0.3": (Proportional(0.3), SWUNG),
    "1/n": (Annealed(1.0), STEPS),
}
FRESH: Mapping[str, Balancer] = {
    "none": Nothing(),
    "sign_1e-2": Sign(1e-2),
    "sign_1e-3": Sign(1e-3),
    "proportional_1e-2": Proportional(1e-2),
    "1/n": Annealed(1.0),
    "1/sqrt": Annealed(0.3, power=0.5),
}
SMALL = Shape(layers=1, tokens=1024, experts=32, active=4)
ONLINE = Shape(layers=1, tokens=256, experts=16, active=2)
DOUBLINGS = (250, 500, 1000, 2000, 4000)
OF_A_TOKEN = ONLINE.active / ONLINE.experts
"A step on D of a token moves a price by (L - A) / T, a rate by (L - A) / L."
SCHEDULES: Mapping[str, Balancer] = {
    "1/n": Annealed(8.0 * OF_A_TOKEN, offset=20.0),
    "1/sqrt": Annealed(0.4 * OF_A_TOKEN, power=0.5),
    "constant": Proportional(0.05 * OF_A_TOKEN),
    "rate_1/n": Annealed(8.0, offset=20.0),
    "rate_constant": Proportional(0.05),
}
PROGRAMS = ((512, 2), (512, 4))  # tokens and experts visited, of 16
ITERATIONS = 4000
UPDATES, SMALL_PROGRAMS = 720, 40  # of a seed: 3,600 and 200 over five
PAPER_VIOLATION = (0.72, 0.04)  # MaxVio global of the 1B model: auxiliary loss and loss-free
ORIGIN = "allenai/OLMoE, scripts/routing_output"


def played(rules: Mapping[str, Balancer], affinity: Affinity, shape: Shape, steps: int, seed: int) -> dict[str, Floats]:
    """Return MaxVio of every step under each rule, all on the same scores; prices start at 0 and stay centred."""
    prices = {name: np.zeros(shape.experts) for name in rules}
    found = {name: np.empty(steps) for name in rules}
    for step in range(steps):
        scores = affinity.draw(shape, 0, step, seed)
        for name, rule in rules.items():
            counts, _ = routed(scores, prices[name], shape.active)
            found[name][step] = violation(counts)
            after = rule.update(prices[name], Seen(counts, step + 1, shape.active, scores))
            prices[name] = after - after.mean()
    return found


def settled(rule: Balancer, scores: Floats, active: int, steps: int) -> tuple[Floats, Floats]:
    """Return MaxVio of every step where all have the same tokens, and the prices after the last."""
    still, prices = Still(scores, active), np.zeros(scores.shape[1])
    found = np.empty(steps)
    for step in range(steps):
        counts, _ = still.routed(prices)
        found[step] = violation(counts)
        after = rule.update(prices, Seen(counts, step + 1))
        prices = after - after.mean()
    return found, prices


def fixed(seed: int) -> dict[str, float]:
    """Return MaxVio after all steps on the same tokens, and the least of the swinging rule, by rule and rate."""
    scores = Gaussian().draw(STUDY, 0, 0, seed)
    curves = {name: settled(rule, scores, STUDY.active, steps)[0] for name, (rule, steps) in FIXED.items()}
    return {name: float(curve[-1]) for name, curve in curves.items()} | {"least": float(curves["sign_1e-2"].min())}


def fresh(seed: int) -> dict[str, float]:
    """Return MaxVio of a batch over the last steps where every step has fresh tokens, by rule and rate."""
    curves = played(FRESH, Gaussian(), STUDY, FRESH_STEPS, seed)
    return {name: float(curve[-LAST:].mean()) for name, curve in curves.items()}


def tracking(seed: int) -> dict[str, float]:
    """Return MaxVio of a batch where popularity changes: 200 steps after a switch, and while it turns."""
    rules: dict[str, Balancer] = {"1/n": Annealed(1.0), "constant": Proportional(1e-2), "sign": Sign(1e-2)}
    switched = played(rules, Switching(at=500), SMALL, 750, seed)
    turning = played(rules, Rotating(angle=0.005), SMALL, 550, seed)
    figures = {f"switch_{name}": float(curve[700:].mean()) for name, curve in switched.items()}
    figures |= {f"turn_{name}": float(curve[-LAST:].mean()) for name, curve in turning.items()}
    figures["switch"] = figures["switch_1/n"] / figures["switch_constant"]
    figures["turn"] = figures["turn_1/n"] / figures["turn_constant"]
    return figures


def beyond(seed: int) -> dict[str, float]:
    """Return the steps after which a batch's MaxVio stays below 0.5, by rule: rules with scores and without."""
    rules: dict[str, Balancer] = {
        "sign": Sign(1e-3),
        "proportional": Proportional(1e-2),
        "quantile": Quantile(),
        "newton": Newton(),
    }
    figures = {}
    for name, curve in played(rules, Gaussian(), SMALL, 400, seed).items():
        above = np.flatnonzero(np.convolve(curve, np.full(10, 0.1), "valid") >= 0.5)
        figures[name] = float(above[-1] + 10) if len(above) else 0.0
    return figures


def oracle(seed: int) -> dict[str, float]:
    """Return how far prices after 4000 steps of 1/n^0.7 are from a linear program: score, loads, prices."""
    ratios, off, alike = [], [], []
    for tokens, active in PROGRAMS:
        shape = Shape(1, tokens, 16, active)
        scores = Gaussian().draw(shape, 0, 0, seed)
        best = optimum(scores, active)
        prices = settled(Annealed(1.0, power=0.7), scores, active, ITERATIONS)[1]
        counts, total = routed(scores, prices, active)
        ratios.append(total / best.value)
        off.append(float(np.abs(counts - active * tokens / shape.experts).max()))
        alike.append(float(np.corrcoef(prices, best.prices)[0, 1]))
    return {"ratio": min(ratios), "over": max(ratios), "deviation": max(off), "correlation": min(alike)}


def online(seed: int) -> dict[str, float]:
    """Return by how much the regret of a token grows from each doubling of the steps to the next, by schedule."""
    scores = np.stack([Gaussian().draw(ONLINE, 0, step, seed) for step in range(DOUBLINGS[-1])])
    paid = {name: np.cumsum(_paid(rule, scores)) / ONLINE.tokens for name, rule in SCHEDULES.items()}
    best, least = np.zeros(ONLINE.experts), []
    for many in DOUBLINGS:
        tokens = scores[:many].reshape(-1, ONLINE.experts)
        best = fixed_prices(tokens, ONLINE.active, best)
        least.append(dual(tokens, best, ONLINE.active) / ONLINE.tokens)
    figures: dict[str, float] = {}
    for name, sums in paid.items():
        grown = np.diff(sums[np.array(DOUBLINGS) - 1] - np.array(least))
        figures |= {f"{name}_{many}": float(value) for many, value in zip(DOUBLINGS[1:], grown, strict=True)}
        figures[f"{name}_growth"] = float(grown[-1] / grown[0])
    figures["constant_over_1/n"] = figures["constant_4000"] / figures["1/n_4000"]
    return figures


def _paid(rule: Balancer, scores: Floats) -> Floats:
    """Return the dual of each step at the prices that held in it."""
    prices, found = np.zeros(ONLINE.experts), np.empty(len(scores))
    for step in range(len(scores)):
        counts, total = routed(scores[step], prices, ONLINE.active)
        found[step] = total + float((counts - counts.mean()) @ prices)
        prices = rule.update(prices, Seen(counts, step + 1))
    return found


def laws(seed: int) -> dict[str, float]:
    """Return where random updates break the identity of the dual or the preference rule, and how often D rises."""
    chance = np.random.default_rng([seed, 61])
    error, rises, swaps, disagree = 0.0, 0, 0, 0
    for _ in range(UPDATES):
        tokens, experts = int(chance.integers(8, 200)), int(chance.integers(3, 24))
        active = int(chance.integers(1, experts))
        scores, before = chance.random((tokens, experts)), chance.normal(0.0, 0.2, experts)
        target = active * tokens / experts
        counts, _ = routed(scores, before, active)
        rates = chance.choice([1e-2, 0.1, 1.0]) / target * chance.random(experts)
        change = rates * (target - counts)
        gained = float(rates @ (counts - target) ** 2)
        extra = switching(scores, before, before + change, active)
        moved = dual(scores, before + change, active) - dual(scores, before, active)
        error = max(error, abs(moved - (extra - gained)))
        rises += moved > 0
        disagree += (moved > 1e-9) != (extra > gained + 1e-9) and abs(moved) > 1e-8
        old, new = (chosen(scores, prices, active) for prices in (before, before + change))
        worst = np.where(old & ~new, change, -np.inf).max(axis=1) - np.where(new & ~old, change, np.inf).min(axis=1)
        swaps += int((worst > 1e-12).sum())
    return {"identity": error, "rises": rises / UPDATES, "swaps": float(swaps), "disagree": float(disagree)}


def balance(seed: int) -> dict[str, float]:
    """Return the largest deviation of a load from the mean at optimal prices, over experts less one."""
    chance = np.random.default_rng([seed, 62])
    worst = 0.0
    for _ in range(SMALL_PROGRAMS):
        experts = int(chance.integers(3, 9))
        active = int(chance.integers(1, experts))
        tokens = experts * int(chance.integers(3, 12))
        scores = chance.random((tokens, experts))
        prices = optimum(scores, active).prices
        for _ in range(8):  # ties fall this way and that
            counts, _ = routed(scores, prices + chance.normal(0.0, 1e-7, experts), active)
            worst = max(worst, float(np.abs(counts - active * tokens / experts).max()) / (experts - 1))
    return {"deviation": worst}


def olmoe(seed: int) -> dict[str, float]:
    """Return how uneven OLMoE's experts are, as its authors counted them, and what prices make of such experts."""
    path = str(public("expert_counts.parquet", ORIGIN))
    figures = {}
    for domain in ("c4", "github"):
        source = Counted(path, domain=domain, model="OLMoE-1B-7B")
        scenario = ExpertsScenario(
            affinity=source, experts=64, active=8, tokens=512, layers=3, steps=200, seed=seed,
            balancer=Proportional(1e-2), costs=Costs(model="olmoe-1b-7b"),
        )  # fmt: skip
        figures[f"{domain}_counted"] = float(np.mean([violation(row) for row in source.counts(64)]))
        unbalanced = replace(scenario, balancer=Nothing())
        balanced, alone = (results.figures(made, simulate(made)) for made in (scenario, unbalanced))
        figures[f"{domain}_alone"] = alone["maxvio_global"]
        figures[f"{domain}_balanced"] = balanced["maxvio_global"]
        figures[f"{domain}_gain"] = alone["step_time"] / balanced["step_time"]
    return figures


def gains() -> dict[str, float]:
    """Return what the published MaxVio is worth in modelled time of a step, by how much of it experts take."""
    names: Sequence[str] = ("mixtral-8x7b", "olmoe-1b-7b", "deepseek-v2-lite", "deepseek-v3")
    figures = {}
    for name in names:
        before, after = (Costs(model=name).relative(model(name).active, found) for found in PAPER_VIOLATION)
        figures[name] = before / after
    return figures


def trained() -> dict[str, float]:
    """Return perplexity, MaxVio and dead experts of a small language model by how it is balanced; three seeds."""
    if importlib.util.find_spec("torch") is None:
        raise Skipped("the language model trains in torch, which is not installed: pip install 'evenly[torch]'")
    from evenly.hosts.torch.experts.train import compared

    return compared()
