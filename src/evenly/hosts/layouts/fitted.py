"""Tables of what passes took by operation, and what the simulator of plans makes of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Trace
from evenly.hardware.costs.calibrated import Calibrated
from evenly.hosts.layouts.crew import Served
from evenly.hosts.layouts.part import OPERATIONS
from evenly.hosts.layouts.worker import Task
from evenly.plan.cost import Tables
from evenly.plan.kernel import crews, policies
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.results import columns
from evenly.serve.routers.round_robin import RoundRobin

WHOLE = 1 << 20  # tokens of a pass: no prompt is ever cut
COLUMNS = ("tokens", "decodes", "prompts", "pairs", "resident")


@dataclass(frozen=True, slots=True)
class Measured:
    """The pass of one engine by its measured operations; tables are those of `tabled`."""

    seconds = staticmethod(Calibrated.seconds)


def rows(served: Iterable[Served]) -> dict[str, Floats]:
    """Return what each pass computed and what its operations took, one array a column.

    The first pass of each engine is left out: its memory is new.
    """
    sizes: list[tuple[float, ...]] = []
    taken: list[list[float]] = []
    for one in served:
        prompt = np.array([len(text) for text in one.task.prompts])
        for member, passes in enumerate(one.task.scripts()):
            held = prompt.astype(np.int64)
            for k, work in enumerate(passes):
                new, old = prompt[list(work.prompts)], held[list(work.decodes)]
                if k > 0:
                    laps = one.laps(member, k)
                    sizes.append((new.sum() + len(old), len(old), len(new), (new**2).sum() / 2, old.sum()))
                    taken.append([laps[name] for name in OPERATIONS])
                held[list(work.texts)] += 1
    return dict(zip(COLUMNS + OPERATIONS, np.column_stack([sizes, taken]).T, strict=True))


def tabled(measured: dict[str, Floats]) -> Tables:
    """Return the tables of a pass of one engine.

    Medians of matrix products, exchanges and housekeeping by tokens; attention by requests, context and pairs of
    tokens; the output head by requests. All by least squares that know no negative time.
    """
    from scipy.optimize import nnls

    body = measured["linear"] + measured["exchange"] + measured["enter"]
    tokens = np.unique(measured["tokens"])
    curve = [float(np.median(body[measured["tokens"] == count])) for count in tokens]
    decoding = measured["prompts"] == 0
    attention = {
        prompts: nnls(np.column_stack([measured[name][some] for name in names]), measured["attention"][some])[0]
        for prompts, some, names in ((0, decoding, ("decodes", "resident")), (1, ~decoding, ("prompts", "pairs")))
    }
    requests = measured["decodes"] + measured["prompts"]
    host, each = nnls(np.column_stack([np.ones(len(requests)), requests]), measured["head"])[0]
    (decode, context), (prompt, pair) = attention[0], attention[1]
    constants = (host, decode + each, prompt + each, pair, context, 0.0, len(tokens))
    return Tables(np.array([*constants, *tokens, *curve]), np.zeros(0), Measured())


def foreseen(task: Task, tables: Tables) -> Floats:
    """Return the seconds of a token of each answer that the simulator of plans expects, all requests at once."""
    from evenly.kernel.serving.simulation import simulate

    prompt, members = np.array([len(text) for text in task.prompts]), task.layout.members
    trace = Trace(np.zeros(len(prompt)), prompt, task.output)
    longest = int((prompt + task.output).max())
    seats = task.seats // members
    rules = VllmV1(max_num_batched_tokens=WHOLE, max_num_seqs=seats, enable_prefix_caching=False).rules(longest)
    blocks = seats * -(-longest // rules.block) + rules.null_blocks
    asked = policies(RoundRobin(), FirstCome(), rules, tables)
    run = simulate(trace, crews(rules, blocks, longest, task.layout), asked, members, blocks - rules.null_blocks, 0, 0)
    return np.asarray(columns(run.requests)["tpot"])
