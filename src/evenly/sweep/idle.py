"""Slots that a variant inherits and that nothing in it asks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evenly.core import Document
from evenly.sweep.scenarios import kind_of

Point = tuple[str, dict[str, Any], Document]
"""Label of a variant, overrides of a sweep, and the document that both make."""


def variants(document: Document) -> dict[str, Document]:
    """Return the variants of a document, each without what it inherits and nothing in it asks."""
    points: list[Point] = [(label, {}, made) for label, made in document.variants().items()]
    return {label: made for label, _, made in without_idle(document, points)}


def without_idle(document: Document, points: Sequence[Point]) -> list[Point]:
    """Return the points, each without what stands in the whole document for the sake of other variants.

    A scenario may set `shares` for its engines with two lanes and compare them with one that has a single lane. What a
    variant sets itself stays, and so does what none of them asks: `check` then says so.
    """
    idle = [_idle(made) for _, _, made in points]
    asked = {name for (_, _, made), names in zip(points, idle, strict=True) for name in made.raw if name not in names}
    return [
        (label, point, _without(made, {name for name in names if name in asked and not _own(document, label, name)}))
        for (label, point, made), names in zip(points, idle, strict=True)
    ]


def _idle(document: Document) -> tuple[str, ...]:
    """Return what nothing in a document asks; nothing if it has mistakes, which others tell."""
    try:
        return document.structure(kind_of(document), ignore=("kind",)).idle()
    except ValueError:
        return ()


def _own(document: Document, label: str, name: str) -> bool:
    """Tell whether a variant sets a slot, or a part of it, itself."""
    change = dict(document.raw.get("compare") or {}).get(label)
    return isinstance(change, Mapping) and any(str(key).partition(".")[0] == name for key in change)


def _without(document: Document, names: set[str]) -> Document:
    return replace(document, raw={key: value for key, value in document.raw.items() if key not in names})
