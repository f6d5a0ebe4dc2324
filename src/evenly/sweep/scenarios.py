"""From a document to the scenario of its domain."""

import difflib
import importlib
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import evenly
from evenly.core import Document, Scenario


def kinds() -> list[str]:
    """Return the domains that have scenarios.

    >>> "serve" in kinds()
    True
    """
    return sorted(_modules())


@cache
def _modules() -> dict[str, str]:
    """Return the module of each kind: a file `scenario.py` that says `kind`; it is read, not imported."""
    root = Path(evenly.__file__).parent
    found = {}
    for path in sorted([*root.glob("*/scenario.py"), *root.glob("*/*/scenario.py")]):
        said = re.search(r'^    kind: ClassVar\[str\] = "(\w+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        if said:
            found[said.group(1)] = ".".join(("evenly", *path.relative_to(root).with_suffix("").parts))
    return found


def kind_of(document: Document) -> type[Scenario]:
    """Return the scenario class that `kind` names; raise `ValueError` with a suggestion if there is none."""
    place = document.place(("kind",))
    name = document.raw.get("kind")
    if name not in kinds():
        near = difflib.get_close_matches(str(name), kinds(), 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(kinds())}"
        what = "'kind' is missing" if name is None else f"no kind of scenario '{name}'"
        raise ValueError(f"{place}: {what}; {hint} @ kind")
    module = importlib.import_module(_modules()[str(name)])
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
