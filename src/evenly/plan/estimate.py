"""A static estimate of a plan: one batch, one length, no queue."""

import numpy as np

from evenly.core import Trace
from evenly.plan.scenario import PlanScenario


def static_makespan(scenario: PlanScenario, trace: Trace) -> float:
    """Return the seconds that a trace would take if every request had the mean lengths and every batch were full.

    This is how a plan is chosen from a table of batch sizes: it knows neither who waits nor whose answers are long. It
    is here to be compared with; `evaluate` steps through the batches.
    """
    crew = scenario.crew()
    layout, rules = scenario.layout, crew.rules
    prompt, output = float(trace.prompt.mean()), float(trace.output.mean())
    share = len(trace) / layout.members
    batch = max(1, int(min(rules.seats, share, crew.kv_tokens / (prompt + output))))
    seconds = crew.tables.reader.seconds
    empty, none = np.zeros(0, np.int64), np.zeros(1, np.int64)

    def window(chunk: int, decodes: int, resident: float) -> float:
        sent = np.array([chunk]) if chunk else empty
        own = seconds(sent, none[: len(sent)], decodes, resident, 0, crew.tables.own)[0]
        if len(crew.tables.shared):
            together = (chunk + decodes) * layout.attention
            own += seconds(empty, empty, together, 0.0, 0, crew.tables.shared)[0]
        return float(layout.stages * own)

    decode = window(0, batch, batch * (prompt + output / 2))
    fill = window(max(1, round(prompt)), 0, 0.0)
    return share * fill + share / batch * output * decode
