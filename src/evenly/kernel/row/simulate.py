"""From arrays of a row and a policy object to what the loop left behind."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.kernel.bridge import Failures, compiled, is_compiled, memory_of, python_hook
from evenly.kernel.row import trampoline
from evenly.kernel.row.loop import run
from evenly.kernel.row.records import CHOOSE, IDLE, REQUEST, RULES, SERVER, STATE

BRAKES = 100_000  # whose times are kept


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What a run of a row left behind."""

    requests: Array
    "Records of `REQUEST`, server by server."
    state: Array
    "One record of `STATE`."
    samples: Floats
    "Power as a share of the budget, one every tick from time 0."
    levels: Ints
    "Level in force at each sample; the number of levels while the brake holds."
    spent: Floats
    "Joules, shape [bin, server]."
    braking: Floats
    "When brakes began, the first 100,000."


def simulate(
    rules: dict[str, float], groups: Ints, counts: Ints, requests: Array, clocks: Floats, policy: Any, seed: int
) -> Row:
    """Run a row whose server `s` has priority `groups[s]` and the next `counts[s]` of `requests`.

    `rules` are fields of `RULES`; `clocks` has shape [level, priority], in MHz. Raises `ValueError` if the policy chose
    a level that it does not have.
    """
    servers = np.zeros(len(groups), SERVER)
    ends = np.cumsum(counts)
    servers["group"], servers["next"], servers["last"], servers["phase"] = groups, ends - counts, ends, IDLE
    given = np.empty(len(requests), REQUEST)
    for name in ("arrival", "prompt", "decode", "watts"):
        given[name] = requests[name]
    given["begin"] = given["end"] = np.nan
    due = np.full(len(groups), np.inf)
    due[counts > 0] = given["arrival"][servers["next"][counts > 0]]
    state = np.zeros(1, STATE)
    state["moving"], state["over_since"] = -1, np.nan
    settings = np.zeros(1, RULES)
    for name, value in rules.items():
        settings[name] = value
    ticks = int(np.floor(rules["end"] / rules["tick"])) + 1
    bins = max(1, int(np.ceil(rules["end"] / rules["bin"] - 1e-9)))
    samples, levels = np.zeros(ticks), np.zeros(ticks, np.int64)
    spent, braking = np.zeros((bins, len(groups))), np.zeros(BRAKES)
    failures = Failures()
    memory = memory_of(policy, seed, len(groups))
    if is_compiled(policy, "choose"):
        choose: Any = compiled(policy, "choose", CHOOSE)
    else:
        choose = trampoline.choose
        memory = python_hook(policy.choose, (memory,), int, (float, float, int, int), failures)
    table, pace, times = np.ascontiguousarray(clocks, np.float64), np.zeros((2, 3)), np.zeros(8)
    run(settings, state, servers, given, table, pace, due, times, samples, levels, spent, braking, choose, memory)
    failures.check()
    _check_levels(policy, state, len(clocks))
    seen = int(state["sampled"][0])
    return Row(given, state, samples[:seen], levels[:seen], spent, braking[: int(state["brakes"][0])])


def _check_levels(policy: Any, state: Array, levels: int) -> None:
    """Raise `ValueError` if the policy chose a level that it does not have."""
    if state["refused"][0]:
        raise ValueError(
            f"{type(policy).__name__}.choose returned level {state['wrong'][0]}; its clocks have levels 0 to "
            f"{levels - 1}"
        )
