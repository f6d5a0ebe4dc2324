"""Random programs of several turns, and engines whose memory is seldom enough for them."""

from typing import Any

import numpy as np

from evenly.core import Trace
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.orders import orders
from evenly.testing.serve import BLOCK

LONGEST = 300
TIGHT = LONGEST // BLOCK + 2  # blocks for the longest request, the null block and one more


def programs(seed: int) -> Trace:
    """Return programs of several turns, each of which repeats the one before, with pauses of every length."""
    chance = np.random.default_rng(seed)
    count = int(chance.integers(4, 40))
    after = np.full(count, -1)
    session = chance.integers(0, max(2, count // 3), count)
    prompt, output = chance.integers(1, 90, count), chance.integers(1, 40, count)
    last: dict[int, int] = {}
    for i, own in enumerate(session.tolist()):
        if own in last:
            after[i] = last[own]
            prompt[i] = prompt[last[own]] + output[last[own]] + int(chance.integers(0, 20))
            if prompt[i] + output[i] > LONGEST:  # the program ends, the next one begins
                session[i], after[i], prompt[i] = count + i, -1, 7
        last[own] = i
    pause = chance.exponential(0.2, count) * chance.choice([0.0, 1.0], count)
    arrival = np.cumsum(chance.exponential(0.05, count))
    user = chance.integers(0, 4, count)
    pause = np.where(after >= 0, pause, 0.0)
    return Trace(arrival, prompt, output, user=user, session=session, after=after, pause=pause)


def slots_of(seed: int) -> dict[str, Any]:
    """Return an engine, an order and a memory that is seldom enough."""
    chance = np.random.default_rng((1, seed))
    engine = VllmV1(
        max_num_batched_tokens=int(chance.choice([32, 512])),
        max_num_seqs=int(chance.choice([2, 5, 32])),
        scheduler_reserve_full_isl=bool(chance.integers(2)),
    )
    if chance.random() < 0.3:  # whole prompts only: one that does not fit beside the decodes waits
        engine = VllmV1(max_num_batched_tokens=LONGEST + 20, max_num_seqs=16, enable_chunked_prefill=False)
    order = orders[str(chance.choice(orders.names()))]()
    blocks = TIGHT + int(chance.integers(0, 3 * TIGHT))
    return {"engine": engine, "order": order, "kv_tokens": blocks * BLOCK, "max_model_len": LONGEST}
