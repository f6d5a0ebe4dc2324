"""Knobs of a plan by trials: limits of a batch, policies and clocks on the best layouts, with optuna."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import isfinite, prod
from pathlib import Path
from typing import Any

from evenly.core import Trace
from evenly.core.document import unstructure
from evenly.core.scenario import Progress, silent
from evenly.plan.candidate import Candidate, evaluate, tuned
from evenly.plan.fitting import possible
from evenly.plan.knobs import CLOCKS, LEADERS
from evenly.plan.limits import Limit
from evenly.plan.search import BETTER, FRONT, Plan, front, ranked
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders import Order
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.orders.shortest_prompt import ShortestPrompt
from evenly.serve.routers import Router
from evenly.serve.routers.least_requests import LeastRequests
from evenly.serve.routers.round_robin import RoundRobin

BEYOND = 1e12  # of a figure without value
Choices = Mapping[str, tuple[Any, ...]]
ROUTES: Mapping[str, Router] = {"round-robin": RoundRobin(), "least-requests": LeastRequests()}
ORDERS: Mapping[str, Order] = {"first-come": FirstCome(), "shortest-prompt": ShortestPrompt()}


@dataclass(frozen=True, slots=True)
class Knobs:
    """What trials choose from, beside the layout."""

    seats: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)
    "Requests that one engine runs at once."
    budget: tuple[int, ...] = (256, 512, 1024, 2048, 4096, 8192, 16384)
    "Tokens of a pass."
    clock: tuple[float, ...] = CLOCKS
    "Shares of the full clock."
    route: tuple[str, ...] = tuple(ROUTES)
    order: tuple[str, ...] = tuple(ORDERS)

    def choices(self, layouts: int) -> Choices:
        """Return every knob with its values, the number of a layout among them."""
        return {"layout": tuple(range(layouts))} | {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Tried:
    """Candidates by point, and how to make them."""

    trace: Trace
    leaders: Sequence[Candidate]
    made: dict[str, Candidate] = field(default_factory=dict)

    def at(self, point: Mapping[str, Any]) -> Candidate:
        """Return the candidate at a point, served once."""
        key = json.dumps(dict(point), sort_keys=True)
        if key not in self.made:
            leader = self.leaders[point["layout"]]
            several = sum(part.layout.members for part in leader.parts) > 1
            route = ROUTES[point["route"]] if several else leader.scenario.route
            seats = min(point["seats"], point["budget"])  # vLLM's passes have a token for each request
            made = tuned(leader.scenario, seats, point["budget"], route, ORDERS[point["order"]])
            self.made[key] = evaluate(replace(made, clock=point["clock"]), self.trace)
        return self.made[key]


def with_trials(
    plan: Plan,
    trace: Trace,
    trials: int,
    seed: int = 0,
    file: Path | None = None,
    knobs: Knobs | None = None,
    progress: Progress = silent,
) -> Plan:
    """Return the plan with other knobs tried on its three best layouts, all of them ranked anew.

    The layouts with their own knobs stay in the plan, so it is never worse. Trials are chosen by the tree-structured
    Parzen estimator of optuna, or are all settings where there are no more of these than trials. With `file`, optuna
    keeps them in a journal, and the same question goes on after those that ended.

    Raises `ValueError` without optuna, and for an engine that is not vLLM's, which has none of these knobs.
    """
    optuna = _optuna()
    leaders = plan.candidates[:LEADERS]
    if not all(isinstance(one.scenario.engine, VllmV1) for one in leaders):
        raise ValueError("trials choose limits of vLLM's batches; take the engine vllm-v1, or leave trials out")
    choices = (knobs or Knobs()).choices(len(leaders))
    tried = _Tried(trace, leaders)
    study = _study(optuna, BETTER[plan.objective], _question(plan, trace, choices, seed), file)
    if not study.trials:
        for point in _first(leaders, choices, trials):
            study.enqueue_trial(point)
    done = _ended(study)
    progress(len(done), trials)
    while len(done) < trials and not (done and len(done) == prod(map(len, choices.values()))):
        # A sampler for each trial: what it draws depends on the trials before and its seed, not on who made them.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(done))
        trial = study.ask()
        one = tried.at({name: trial.suggest_categorical(name, values) for name, values in choices.items()})
        value = one.figures[plan.objective]
        for limit in plan.limits:
            trial.set_constraint(" ".join(map(str, limit)), _break(one, limit))
        study.tell(trial, value if isfinite(value) else None)
        done = _ended(study)
        progress(len(done), trials)
    every = [*plan.candidates, *filter(possible, (tried.at(trial.params) for trial in done))]
    every = list({one.title: one for one in reversed(every)}.values())
    return replace(plan, candidates=tuple(ranked(every, plan.objective, plan.limits)), front=tuple(front(every, FRONT)))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ValueError("trials of knobs need the extra: pip install 'evenly[optuna]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna: Any, better: str, question: str, file: Path | None) -> Any:
    """Return the study of a question, with what the journal has of it."""
    storage = None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    way = "maximize" if better == "higher" else "minimize"
    return optuna.create_study(study_name=question, storage=storage, direction=way, load_if_exists=True)


def _ended(study: Any) -> list[Any]:
    """Return the trials that ended with a figure, or without one because nothing was answered."""
    return [one for one in study.get_trials(deepcopy=False) if one.state.is_finished()]


def _first(leaders: Sequence[Candidate], choices: Choices, trials: int) -> list[dict[str, Any]]:
    """Return the points that are tried before any choice: all of them if trials suffice, else each layout's default."""
    if prod(map(len, choices.values())) <= trials:
        return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    points = []
    for number, one in enumerate(leaders):
        own = {"seats": one.seats, "budget": one.budget, "clock": 1.0, "route": "round-robin", "order": "first-come"}
        if all(own[name] in choices[name] for name in own):
            points.append({"layout": number} | own)
    return points


def _question(plan: Plan, trace: Trace, choices: Choices, seed: int) -> str:
    """Return a name for everything that trials depend on."""
    columns = [column.tobytes() for column in (trace.arrival, trace.prompt, trace.output)]
    asked = [
        plan.objective,
        plan.limits,
        choices,
        seed,
        [unstructure(one.scenario) for one in plan.candidates[:LEADERS]],
    ]
    text = json.dumps(asked, sort_keys=True, default=str).encode()
    return hashlib.sha256(b"".join([text, *columns])).hexdigest()[:16]


def _break(one: Candidate, limit: Limit) -> float:
    """Return how far a plan is beyond a limit; at most 0 if it keeps it."""
    name, side, bound = limit
    over = one.figures[name] - bound if side == "<=" else bound - one.figures[name]
    return over if isfinite(over) else BEYOND
