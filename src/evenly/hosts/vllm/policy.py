"""Ask one verb of a policy from Python, compiled or not."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from evenly.core import Array, Floats
from evenly.kernel.bridge import address, compiled, is_compiled, memory_of
from evenly.kernel.compiling import entry
from evenly.kernel.serving import records, waiting


class PolicyError(RuntimeError):
    """A policy failed inside the engine, which cannot go on."""


def verb(policy: object, name: str, kind: Any, seed: int) -> Callable[..., Any]:
    """Return a function that asks a policy and hands it its memory last.

    Raises `ValueError` if a compiled verb does not compile. The function raises `PolicyError` that names the policy,
    its file and line for whatever the policy raises.
    """
    return verbs(policy, {name: kind}, seed)[0]


def verbs(policy: object, kinds: Mapping[str, Any], seed: int) -> list[Callable[..., Any]]:
    """Return a function for each verb of a policy, by name and kind, that share the policy's memory.

    Raises `ValueError` as `verb` does.
    """
    memory = memory_of(policy, seed, 1)
    return [_verb(policy, name, kind, memory) for name, kind in kinds.items()]


def ranks(order: object, seed: int) -> tuple[Callable[..., float], Callable[..., None]]:
    """Return a function that asks an order for a rank, and `waiting.freshen` with that order and its memory.

    Raises `ValueError` as `verb` does.
    """
    memory = memory_of(order, seed, 1)
    ask = _verb(order, "rank", records.RANK, memory)
    if is_compiled(order, "rank"):
        place, bring = address(compiled(order, "rank", records.RANK), records.RANK), entry(waiting.freshen)

        def freshen(items: Array, count: int, now: float, requests: Array, flows: Array) -> None:
            bring(items, count, now, place, requests, flows, memory)

    else:

        def freshen(items: Array, count: int, now: float, requests: Array, flows: Array) -> None:
            while (rank := ask(now, 0, int(items["row"][0]), requests, flows)) > items["rank"][0]:
                waiting.demote(items, count, rank)

    return ask, freshen


def _verb(policy: object, name: str, kind: Any, memory: Floats) -> Callable[..., Any]:
    asked = compiled(policy, name, kind) if is_compiled(policy, name) else getattr(policy, name)

    def ask(*values: Any) -> Any:
        try:
            return asked(*values, memory)
        except Exception as error:
            raise failure(policy, name, error) from error

    return ask


def failure(policy: object, name: str, error: Exception) -> PolicyError:
    """Return what tells that a policy raised `error`, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return PolicyError(
        f"the policy {type(policy).__name__}.{name} raised {type(error).__name__}: {error} "
        f"({place.filename}, line {place.lineno}); the engine stops, mend the policy or start without it"
    )
