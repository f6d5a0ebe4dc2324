"""The keys of JSON lines, as far as the head of a file shows them."""

import json
from typing import Any

SPACE = " \t\r\n"


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
    r"""Return the keys of the first object of a JSONL file, those before the cut if the head ends within it.

    >>> sorted(keys('{"a": 1, "b": 2}\n{"c": 3}')), sorted(keys('{"a": [1, 2], "b": [3, '))
    (['a', 'b'], ['a', 'b'])
    """
    decoder = json.JSONDecoder()
    found: set[str] = set()
    place = _skip(head, 0)
    if head[place : place + 1] != "{":
        return found
    try:
        while head[place : place + 1] in ("{", ","):
            key, place = decoder.raw_decode(head, _skip(head, place + 1))
            place = _skip(head, place)
            if not isinstance(key, str) or head[place : place + 1] != ":":
                break
            found.add(key)
            place = _skip(head, decoder.raw_decode(head, _skip(head, place + 1))[1])
    except (ValueError, RecursionError):
        pass
    return found


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in SPACE:
        place += 1
    return place
