"""A fleet whose replicas come and go: its policies, its state before the first request, and what it left behind."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Floats
from evenly.kernel.bridge import Failures, compiled, is_compiled, memory_of, python_hook
from evenly.kernel.functions.records import FUNCTION, HISTORY, KEEP, WARM_AT
from evenly.kernel.row.records import CHOOSE as SCALE
from evenly.kernel.serving import elastic_records as er
from evenly.kernel.serving.elastic_run import serve_elastic
from evenly.kernel.serving.records import FLEET, NONE, Hooks
from evenly.kernel.serving.run import fresh
from evenly.kernel.world import World

LIVES = 20_000  # ended lives of replicas that are kept


@dataclass(frozen=True, slots=True, eq=False)
class Elastic:
    """How replicas come and go."""

    keep: Any
    "Says how long an idle replica waits; with a verb `warm`, also when one is started ahead."
    scale: Any = None
    "Says how many are open, by the load; `None`: as many as the requests fill."
    start: float = 0.0
    "Seconds of a start."
    least: int = 0
    "Replicas that are there from the beginning and never stop."
    concurrency: int = 1
    "Requests at once that a replica is meant for."
    every: float = 15.0
    "Seconds between two looks of `scale`."
    timer: bool = False
    "Whether a clock sends the requests."


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """What the replicas of a fleet did."""

    ended: Floats
    "Rows of replica, begin of its start, end of its start, stop: the first lives that ended, then those that did not."
    seconds: Floats
    "Seconds that each replica lived, from the first arrival to the last end of a request."
    starts: int
    cold: int
    "Requests that waited until a replica had started."


class Coming:
    """Serves a world with replicas that come and go."""

    def __init__(self, world: World, elastic: Elastic, front: "Front", seed: int, failures: Failures) -> None:
        replicas = len(world.fleet)
        self.world = world
        self.elastic = elastic
        arrays = _arrays(world, elastic, front)
        self.asked, memories = _hooks(elastic, arrays, seed, replicas, failures)
        self.state = World(er.ELASTIC, arrays | memories)

    def serve(self, hooks: Hooks, state: Any, until: int) -> int:
        """Run until `until` more requests have ended or nothing is left; return how many have."""
        loop: Any = serve_elastic  # compiled: its arguments are checked by numba
        return int(loop(self.world, self.state, *hooks, *self.asked, *state, until))

    def lives(self) -> Lives:
        """Return what the replicas did; raise `ValueError` if the scaler chose a level that does not exist."""
        control, standby = self.state.control[0], self.state.standby
        if control["refused"]:
            raise ValueError(
                f"{type(self.elastic.scale).__name__}.choose returned level {control['wrong']}; a fleet of "
                f"{len(standby)} replicas has levels 0 to {len(standby) - 1}"
            )
        ends = self.world.requests["finish"]
        end = float(np.nanmax(ends)) if np.isfinite(ends).any() else float(standby["born"][0])
        here = np.flatnonzero(standby["state"] != er.OFF)
        seconds = standby["alive"].copy()
        seconds[here] += np.maximum(end - standby["born"][here], 0.0)
        left = np.empty((len(here), er.LIFE_COLUMNS))
        left[:, 0], left[:, 1], left[:, 3] = here, standby["born"][here], end
        left[:, 2] = np.where(standby["state"][here] == er.STARTING, end, standby["ready"][here])
        ended = np.concatenate((self.state.lives[: control["lives"]], left))
        return Lives(ended, seconds, int(control["starts"]), int(control["cold"]))


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """What routers see: the open replicas, and how many they are."""

    fleet: Array
    count: Array


def front(replicas: int) -> Front:
    """Return what routers see before anything is open."""
    return Front(np.zeros(replicas, FLEET), np.zeros(1, np.int64))


def _arrays(world: World, elastic: Elastic, front: Front) -> dict[str, Array]:
    replicas, arrival = len(world.fleet), world.requests["arrival"]
    first = float(arrival.min()) if len(arrival) else 0.0
    there = min(replicas, max(elastic.least, int(elastic.scale is not None)))
    standby = np.zeros(replicas, er.STANDBY)
    standby["state"][:there], standby["idle"][:there] = er.OPEN, 1
    standby["born"] = standby["ready"] = first
    control = np.zeros(1, er.CONTROL)
    control["look"] = control["wake"] = np.inf
    control["moving"] = control["head"] = control["tail"] = NONE
    control["open"], control["level"] = there, max(0, there - 1)
    rules = np.zeros(1, er.SCALING)
    for name in ("least", "concurrency", "start", "every"):
        rules[name] = getattr(elastic, name)
    rules["scales"], rules["warms"] = elastic.scale is not None, hasattr(type(elastic.keep), "warm")
    model = np.zeros(1, FUNCTION)
    model["usual"] = model["lead"] = elastic.start
    model["timer"], model["last"] = elastic.timer, np.nan
    _, tree, due, _ = fresh(replicas)
    return {
        "standby": standby,
        "control": control,
        "scaling": rules,
        "due": due[:-1].copy(),
        "due_tree": tree,
        "front": front.fleet,
        "numbers": np.zeros(replicas, np.int64),
        "count": front.count,
        "functions": model,
        "gaps": np.zeros((1, HISTORY)),
        "lives": np.zeros((LIVES, er.LIFE_COLUMNS)),
    }


def _hooks(
    elastic: Elastic, arrays: dict[str, Array], seed: int, replicas: int, failures: Failures
) -> tuple[er.Asked, dict[str, Floats]]:
    """Return the verbs of the policies, those that are missing stubbed, and their memories."""
    seen = (arrays["functions"], arrays["gaps"])
    known: dict[str, tuple[Any, str, Any, tuple[Array, ...], type, tuple[type, ...], int]] = {
        "keep": (elastic.keep, "keep", KEEP, seen, float, (float, int, int), 1),
        "warm": (elastic.keep, "warm", WARM_AT, seen, float, (float, int), 1),
        "scale": (elastic.scale, "choose", SCALE, (), int, (float, float, int, int), replicas),
    }
    calls, memories = [], {}
    for slot, (policy, verb, kind, shared, result, scalars, many) in known.items():
        if not hasattr(type(policy), verb):
            calls.append(_absent(slot))
            memories[f"{slot}_memory"] = np.zeros(1)
            continue
        memory = memory_of(policy, seed, many)
        if is_compiled(policy, verb):
            calls.append(compiled(policy, verb, kind))
        else:
            calls.append(_trampoline(slot))
            memory = python_hook(getattr(policy, verb), (*shared, memory), result, scalars, failures)
        memories[f"{slot}_memory"] = memory
    return er.Asked(*calls), memories


def _absent(slot: str) -> Any:
    """Return what stands for a verb that the loop never asks."""
    if slot == "scale":
        from evenly.kernel.row import trampoline

        return trampoline.choose
    from evenly.kernel.functions import absent

    return absent.warm


def _trampoline(slot: str) -> Any:
    if slot == "scale":
        from evenly.kernel.row import trampoline

        return trampoline.choose
    from evenly.kernel.functions import trampolines

    return getattr(trampolines, slot)
