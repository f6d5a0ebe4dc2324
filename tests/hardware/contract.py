"""Laws that every cost model keeps."""

from typing import Any

import numpy as np
from numpy.random import Generator

from evenly.core import Floats
from tests.hardware.samples import call


def random_pass(chance: Generator) -> tuple[list[int], list[int], list[int]]:
    """Return prompts, what they hold, and contexts of decodes, at least one of them."""
    prompts = int(chance.integers(0, 4))
    decodes = int(chance.integers(0 if prompts else 1, 200))
    chunk = [int(c) for c in np.exp2(chance.uniform(0, 11, prompts))]
    before = [int(b) * 16 for b in chance.integers(0, 200, prompts)]
    contexts = [int(c) for c in np.exp2(chance.uniform(0, 13, decodes))]
    return chunk, before, contexts


def check_rises(cost: Any, numbers: Floats, chance: Generator, slack: float = 1e-12) -> None:
    """A prompt that is longer, another prompt or another equal decode makes no pass shorter by more than `slack`."""
    chunk, before, contexts = random_pass(chance)
    alike = [max(contexts, default=64)] * len(contexts)
    seconds = call(cost, numbers, chunk, before, alike)[0]
    assert 0 < seconds < 3600
    slack *= seconds
    assert call(cost, numbers, [*chunk, 16], [*before, 0], alike)[0] >= seconds - slack
    if chunk:
        assert call(cost, numbers, [chunk[0] + 1, *chunk[1:]], before, alike)[0] >= seconds - slack
        assert call(cost, numbers, chunk, [before[0] + 16, *before[1:]], alike)[0] >= seconds - slack
    else:
        assert call(cost, numbers, chunk, before, [*alike, alike[0]])[0] >= seconds - slack
        assert call(cost, numbers, chunk, before, [c + 1 for c in alike])[0] >= seconds - slack


def check_growth(cost: Any, numbers: Floats, chance: Generator) -> None:
    """A stretch of decodes that is skipped ahead equals asking pass by pass."""
    contexts = random_pass(chance)[2] or [100]
    first, growth, passes = call(cost, numbers, [], [], contexts)
    assert passes >= 1
    last = min(passes - 1, 20_000)
    for step in sorted({0, 1, int(last // 2), int(last)}):
        if step < passes:
            again = call(cost, numbers, [], [], [c + step for c in contexts])[0]
            assert abs(first + step * growth - again) <= 1e-9 * again


def check_compiled(cost: Any, compiled: Any, numbers: Floats, chance: Generator) -> None:
    """Compiled code and plain Python agree."""
    chunk, before, contexts = random_pass(chance)
    plain = call(cost, numbers, chunk, before, contexts)

    class Compiled:
        seconds = staticmethod(compiled)

    assert np.allclose(call(Compiled, numbers, chunk, before, contexts), plain, rtol=1e-12, atol=0)
