"""What somebody who wrote an unknown name may have meant."""

import difflib
from collections.abc import Iterable

CLOSE = 0.5  # likeness of two names from which one may be meant by the other


def meant(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint: the known name that is most like `name`, else `otherwise`, else all of them.

    >>> meant("h10", ["a100", "h100"]), meant("x", ["a100", "h100"])
    ("did you mean 'h100'?", 'known: a100, h100')
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, CLOSE)
    return f"did you mean '{near[0]}'?" if near else otherwise or f"known: {', '.join(names)}"
