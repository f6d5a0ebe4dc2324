"""From a document to the scenario of its domain."""

import importlib
import importlib.util
import pkgutil
from dataclasses import fields
from functools import cache

import evenly
from evenly.core import Document, Scenario
from evenly.core.meant import meant

SHARED = ("evenly.cluster", "evenly.train")  # domains whose packages each have a kind of scenario of their own


def kinds() -> list[str]:
    """Return the domains that have scenarios.

    >>> "serve" in kinds()
    True
    """
    return sorted(_packages())


@cache
def _packages() -> dict[str, str]:
    """Return the package of each kind: a domain, or a package inside one, that holds a module `scenario`."""
    tops = [f"evenly.{module.name}" for module in pkgutil.iter_modules(evenly.__path__) if module.ispkg]
    found = [name for name in tops if name != "evenly.core" and importlib.util.find_spec(f"{name}.scenario")]
    for domain in SHARED:
        inner = pkgutil.iter_modules(importlib.import_module(domain).__path__, f"{domain}.")
        names = [module.name for module in inner if module.ispkg]
        found += [name for name in names if importlib.util.find_spec(f"{name}.scenario")]
    return {name.rpartition(".")[2]: name for name in found}


def kind_of(document: Document) -> type[Scenario]:
    """Return the scenario class that `kind` names; raise `ValueError` with a suggestion if there is none."""
    place = document.place(("kind",))
    name = document.raw.get("kind")
    if name not in kinds():
        what = "'kind' is missing" if name is None else f"no kind of scenario '{name}'"
        raise ValueError(f"{place}: {what}; {meant('' if name is None else str(name), kinds())} @ kind")
    module = importlib.import_module(f"{_packages()[str(name)]}.scenario")
    made: type[Scenario] = getattr(module, f"{str(name).capitalize()}Scenario")
    return made


def scenario_of(document: Document) -> Scenario:
    """Return the scenario that a document describes; raise `ValueError` that lists every mistake."""
    kind = kind_of(document)
    made = document.structure(kind, ignore=("kind",))
    try:
        return made.check()
    except ValueError as error:  # says which values; where they stand only the document knows
        first = str(error).partition(" ")[0]
        path = (first,) if first in {f.name for f in fields(kind)} else ()
        raise ValueError(f"{document.place(path)}: {error}") from None
