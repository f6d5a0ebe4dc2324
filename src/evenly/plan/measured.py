"""The figures of a pass from an engine that was measured, so that plans of other layouts are told on its terms."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.core import Floats
from evenly.hardware.calibration.engine import Calibration, read
from evenly.hardware.calibration.steps import KINDS
from evenly.hardware.costs.calibrated import Calibrated
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.plan.cost import seconds, tables
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario

CONTEXTS = (1, 128, 512, 2048)  # tokens of context of each decode in the passes that are compared
POINTS = 12  # sizes of a pass that are compared, evenly by their logarithm
EMPTY = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass takes of each resource at its peak, and what was measured."""

    arithmetic: float
    memory: float
    exchange: float
    measured: float


def fitted(base: PlanScenario, path: str, tensor: int) -> PlanScenario:
    """Return the scenario with shares of arithmetic and bandwidth, and host time, of an engine that was measured.

    `path` is a file of `evenly calibrate`, and its engine cut every layer over `tensor` devices of the scenario's kind.
    Passes of decodes tell the host time and the share of the bandwidth, passes of prompts that of the arithmetic, both
    by least squares over sizes that were measured. The seconds of a request outside the engine are those of the file
    where it tells them.

    Raises `ValueError` for a file that is none, and for figures that no such device can have.
    """
    engine = read(path)
    architecture, card = model(base.model), device(base.device)
    bare = replace(base.cost, compute=1.0, memory=1.0, host=0.0)
    own = tables(bare, architecture, card, base.node, Layout(tensor=tensor)).own
    cost = Calibrated(path).tables(architecture, card, tensor)
    counts = _sizes(engine, KINDS[0], engine.limits.max_num_seqs if engine.limits else engine.cost.tokens[-1])
    decodes = [_decodes(own, cost, int(n), context) for n in counts for context in CONTEXTS]
    memory, host = _bandwidth([one for one in decodes if one.memory > one.arithmetic])
    compute = _arithmetic(
        [_prompt(own, cost, int(n)) for n in _sizes(engine, KINDS[2], engine.cost.tokens[-1])], memory, host
    )
    if compute != compute:
        raise ValueError(f"{path}: no measured pass is bound by arithmetic; measure longer prompts as well")
    told = engine.cost.delivery or base.cost.first_token
    for name, share in (("memory bandwidth", memory), ("arithmetic rate", compute)):
        if not 0 < share <= 1:
            raise ValueError(
                f"{path}: {base.model} on {tensor} x {base.device} would reach {share:.0%} of the {name}; was another "
                "model, device or number of devices measured?"
            )
    return replace(base, cost=replace(base.cost, compute=compute, memory=memory, host=host, first_token=told))


def _sizes(engine: Calibration, kind: str, most: int) -> Floats:
    """Return sizes of passes of a kind among those that were measured; up to `most` where the file does not tell."""
    rows = [row.tokens for row in engine.residuals if row.kind == kind]
    low, high = (min(row[0] for row in rows), max(row[-1] for row in rows)) if rows else (1, most)
    return np.unique(np.rint(np.geomspace(low, high, POINTS)))


def _decodes(own: Floats, cost: Floats, count: int, context: int) -> _Pass:
    resident = float(count * context)
    passed = Calibrated.seconds(EMPTY, EMPTY, count, resident, context, cost)[0]
    return _split(own, float(count), resident * own[5], passed)


def _prompt(own: Floats, cost: Floats, tokens: int) -> _Pass:
    chunk, before = np.array([tokens]), np.zeros(1, np.int64)
    passed = Calibrated.seconds(chunk, before, 0, 0.0, 0, cost)[0] - cost[5]
    whole = _split(own, float(tokens), 0.0, passed)
    return replace(whole, arithmetic=whole.arithmetic + 0.5 * tokens**2 * own[6])


def _split(own: Floats, tokens: float, read_seconds: float, passed: float) -> _Pass:
    """Return a pass of so many tokens whose context takes `read_seconds` to read at the peak of the bandwidth."""
    weights = own[2] + own[3] * (1.0 - own[4] ** tokens)
    whole = seconds(EMPTY, EMPTY, int(tokens), 0.0, 0, own)[0]
    exchange = whole - max(tokens * own[1], weights)
    return _Pass(tokens * own[1], weights + read_seconds, exchange, passed)


def _bandwidth(passes: list[_Pass]) -> tuple[float, float]:
    """Return the share of the bandwidth and the host time that meet passes best, by their squared relative errors."""
    from scipy.optimize import nnls

    if len(passes) < 2:
        return float("nan"), 0.0
    left = np.array([[one.memory, 1.0] for one in passes])
    right = np.array([one.measured - one.exchange for one in passes])
    scale = 1.0 / np.array([one.measured for one in passes])
    (inverse, host), _ = nnls(left * scale[:, None], right * scale)
    return float(1.0 / inverse) if inverse > 0 else float("inf"), float(host)


def _arithmetic(passes: list[_Pass], memory: float, host: float) -> float:
    """Return the share of the arithmetic rate that meets the prompts best which are bound by it."""
    bound = [one for one in passes if one.measured - one.exchange - host > 1.2 * one.memory / memory]
    if not bound:
        return float("nan")
    left = np.array([one.arithmetic for one in bound])
    right = np.array([one.measured - one.exchange - host for one in bound])
    scale = np.array([one.measured for one in bound]) ** -2
    return float(np.sum(left * left * scale) / np.sum(left * right * scale))
