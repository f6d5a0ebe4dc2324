"""What a client tells about a request, in the extra fields of the API."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "evenly_"


@dataclass(frozen=True, slots=True)
class Hints:
    """The fields of `vllm_xargs` that the policies may read, without their prefix `evenly_`."""

    user: str | None = None
    "Who asks; fair orders share the engine between users."
    program: str | None = None
    "The conversation or agent run that the request belongs to."
    turn: int = 0
    "Its place in the program, from 0."
    last_turn: bool | None = None
    "Whether the program ends with it; without a program it does."
    tool: str | None = None
    "What the program does next."
    deadline: float = math.inf
    "Seconds after its arrival in which the answer is due."
    output: int | None = None
    "Tokens that the client expects; `max_tokens` otherwise."

    @property
    def ends(self) -> bool:
        """Return whether the program is known to end with the request."""
        return self.program is None if self.last_turn is None else self.last_turn


NONE = Hints()


def hints(extra: Mapping[str, Any] | None) -> Hints:
    """Return the hints among a request's extra fields; what cannot be read as meant counts as not given.

    A server must not fail for what one client writes, so nothing is raised here.

    >>> hints({"evenly_user": 7, "evenly_turn": "2", "other": 1}).user
    '7'
    """
    if not extra:
        return NONE
    found: dict[str, Any] = {}
    for name, read in _READ.items():
        value = extra.get(PREFIX + name)
        if value is not None:
            try:
                found[name] = read(value)
            except (TypeError, ValueError, KeyError, OverflowError):
                continue
    return Hints(**found) if found else NONE


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def _count(value: Any) -> int:
    number = int(value)
    if not 0 <= number < 1 << 31:
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    return {"1": True, "true": True, "0": False, "false": False}[str(value).lower()]


def _seconds(value: Any) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return number


_READ: dict[str, Any] = {
    "user": _text,
    "program": _text,
    "turn": _count,
    "last_turn": _flag,
    "tool": _text,
    "deadline": _seconds,
    "output": _count,
}
