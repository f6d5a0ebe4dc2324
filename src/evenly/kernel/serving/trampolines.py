"""Call plain-Python hooks from the compiled loop: one trampoline a verb, the address stands in its memory."""

from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from evenly.kernel.calling import caller
from evenly.kernel.compiling import loop
from evenly.kernel.serving.records import ADMIT, BUDGET, CHOOSE, LEARN, RANK, RETAIN, SCORE, SECONDS


@intrinsic  # type: ignore[untyped-decorator]
def _address(typing_context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = make_array(signature.args[0])(context, builder, values[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.int64))

    return types.int64(array), generate


_f, _i = types.float64, types.int64
_choose = caller(_i, (_f, _i))
_rank = caller(_f, (_f, _i, _i))
_budget = caller(_i, (_f, _i, _i))
_admit = caller(_i, (_f, _i, _i, _i, _i))
_score = caller(_f, (_f, _i, _i, _i))
_retain = caller(_f, (_f, _i))
_seconds = caller(_i, (_i, _i, _i, _i, _f, _i))


@loop(CHOOSE.signature)
def choose(now: float, request: int, requests: Any, fleet: Any, memory: Any) -> Any:
    """Ask a Python router."""
    return _choose(_i(memory[0]), (now, request))


@loop(RANK.signature)
def rank(now: float, sequence: int, request: int, requests: Any, flows: Any, memory: Any) -> Any:
    """Ask a Python order."""
    return _rank(_i(memory[0]), (now, sequence, request))


@loop(BUDGET.signature)
def budget(now: float, decodes: int, resident: int, memory: Any) -> Any:
    """Ask a Python token budget."""
    return _budget(_i(memory[0]), (now, decodes, resident))


@loop(ADMIT.signature)
def admit(now: float, request: int, need: int, free: int, running: int, requests: Any, memory: Any) -> Any:
    """Ask a Python admission."""
    return _admit(_i(memory[0]), (now, request, need, free, running))


@loop(SCORE.signature)
def score(now: float, request: int, tokens: int, blocks: int, requests: Any, memory: Any) -> Any:
    """Ask a Python victim policy."""
    return _score(_i(memory[0]), (now, request, tokens, blocks))


@loop(RETAIN.signature)
def retain(now: float, request: int, requests: Any, memory: Any) -> Any:
    """Ask a Python retention."""
    return _retain(_i(memory[0]), (now, request))


@loop(LEARN.signature)
def learn(now: float, request: int, requests: Any, memory: Any) -> None:
    """Tell a Python retention, whose other verb stands before this one."""
    _retain(_i(memory[1]), (now, request))


@loop(SECONDS.signature)
def seconds(chunk: Any, before: Any, decodes: int, resident: float, longest: int, tables: Any) -> Any:
    """Ask a Python cost model, which leaves its answer in `tables`."""
    _seconds(_i(tables[0]), (_address(chunk), _address(before), len(chunk), decodes, resident, longest))
    return tables[1], tables[2], tables[3]
