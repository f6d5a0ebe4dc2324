"""From a document to the scenario of its domain."""

import difflib
import importlib
import pkgutil

import evenly
from evenly.core import Document, Scenario


def kinds() -> list[str]:
    """Return the domains that have scenarios.

    >>> "serve" in kinds()
    True
    """
    found = []
    for module in pkgutil.iter_modules(evenly.__path__):
        if module.ispkg and importlib.util.find_spec(f"evenly.{module.name}.scenario") is not None:
            found.append(module.name)
    return sorted(found)


def kind_of(document: Document) -> type[Scenario]:
    """Return the scenario class that `kind` names; raise `ValueError` with a suggestion if there is none."""
    place = document.place(("kind",))
    name = document.raw.get("kind")
    if name not in kinds():
        near = difflib.get_close_matches(str(name), kinds(), 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(kinds())}"
        what = "'kind' is missing" if name is None else f"no kind of scenario '{name}'"
        raise ValueError(f"{place}: {what}; {hint} @ kind")
    module = importlib.import_module(f"evenly.{name}.scenario")
    made: type[Scenario] = getattr(module, f"{str(name).capitalize()}Scenario")
    return made


def scenario_of(document: Document) -> Scenario:
    """Return the scenario that a document describes; raise `ValueError` that lists every mistake."""
    return document.structure(kind_of(document), ignore=("kind",)).check()
