"""Token budgets hold what they promise: equal passes, and a limit on the length of a pass."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.hardware.costs.linear import Linear
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.kernel.bridge import memory_of
from evenly.serve.budgets.split_fuse import SplitFuse
from evenly.serve.budgets.tbt_target import TbtTarget
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.testing.serve import BLOCK, serve, workload

FIXED, TOKEN = 0.0101, 0.000117  # seconds of a pass and of a token


def passes(budget: Any) -> Any:
    """Return the pass log with memory for all: columns 1 start, 2 end, 3 passes, 4 decodes, 5 prompt tokens."""
    slots: dict[str, Any] = {"cost": Linear(FIXED, TOKEN), "kv_tokens": 2000 * BLOCK}
    return serve(workload(6, 60), engine=VllmV1(max_num_seqs=64), budget=budget, **slots).log


@pytest.mark.parametrize("target", [0.015, 0.02, 0.04])
def test_no_pass_lasts_longer_than_the_target_where_the_costs_are_right(target: float) -> None:
    log = passes(TbtTarget(target, 16, FIXED, TOKEN, 0.0))
    lasts = (log[:, 2] - log[:, 1]) / log[:, 3]
    least = FIXED + TOKEN * (log[:, 4].max() + 16)  # decodes and one block go on whatever the target
    assert least <= target
    assert lasts.max() <= target + 1e-9
    assert lasts.max() > target - TOKEN, "the target is reached to within a token"


def test_a_target_below_the_fixed_cost_of_a_pass_still_lets_prompts_go_on() -> None:
    log = passes(TbtTarget(0.001, 16, FIXED, TOKEN, 0.0))
    assert log[log[:, 5] > 0, 5].max() == 16


@given(
    target=st.floats(0.001, 1.0),
    decodes=st.integers(0, 500),
    resident=st.integers(0, 1_000_000),
    least=st.integers(1, 300),
)
def test_the_budget_is_the_largest_that_keeps_the_target_or_the_least_that_lets_everybody_go_on(
    target: float, decodes: int, resident: int, least: int
) -> None:
    budget = TbtTarget(target, least)
    tokens = budget.tokens(0.0, decodes, resident, memory_of(budget, 0, 1))

    def seconds(count: int) -> float:
        return budget.fixed + budget.token * count + budget.context * resident

    assert tokens >= decodes + least
    assert seconds(tokens) <= target * (1 + 1e-9) or tokens == decodes + least
    assert seconds(tokens + 1) > target * (1 - 1e-9)


def test_the_default_costs_are_the_least_squares_fit_to_the_roofline_that_they_name() -> None:
    cost = Roofline()
    tables = cost.tables(model("llama-3.1-8b"), device("a100-80gb"), 1)
    rows, times = [], []
    for chunk in (64, 128, 256, 512, 1024, 2048):
        for decodes in (1, 8, 32, 128):
            for context in (200, 1000, 4000):
                rows.append((1, chunk + decodes, decodes * context))
                asked = (np.array([chunk]), np.zeros(1, np.int64), decodes, float(decodes * context), context, tables)
                times.append(cost.seconds(*asked)[0])
    fit = np.linalg.lstsq(np.array(rows, float), np.array(times), rcond=None)[0]
    made = TbtTarget()
    assert [made.fixed, made.token, made.context] == pytest.approx(fit.tolist(), rel=0.02)


def test_split_fuse_fills_every_pass_alike_while_prompts_wait() -> None:
    log = passes(SplitFuse(100))
    tokens = log[:, 4] + log[:, 5]
    full = log[:, 5] > 0
    assert np.median(tokens[full]) == 100
    assert tokens[full].max() == max(100, log[full, 4].max())


def test_split_fuse_gives_every_decode_a_token_in_every_pass() -> None:
    """Between two tokens of a request lies one pass, so no gap is longer than the longest pass."""
    run = serve(workload(6, 60), engine=VllmV1(max_num_seqs=64), budget=SplitFuse(100), kv_tokens=2000 * BLOCK)
    lasts = (run.log[:, 2] - run.log[:, 1]) / run.log[:, 3]
    assert run.requests["worst_gap"].max() <= lasts.max() + 1e-9
