"""The keys of JSON lines, as far as the head of a file shows them."""

import json
from typing import Any


def first_objects(head: str) -> list[dict[str, Any]]:
    """Return the objects on the complete lines of `head`; an empty list where the first line is none."""
    found = []
    for line in head.splitlines():
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict):
            break
        found.append(row)
    return found


def keys(head: str) -> set[str]:
    r"""Return the keys of the first object of a JSONL file.

    >>> sorted(keys('{"a": 1, "b": 2}\\n{"c": 3}'))
    ['a', 'b']
    """
    found = first_objects(head)
    return set(found[0]) if found else set()
