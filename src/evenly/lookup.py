"""The catalogue for people: every room, plug-in, embedded scenario and published system."""

import importlib
import inspect
import itertools
import pkgutil
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import evenly
from evenly.core import Catalog, Document
from evenly.core.catalog import field_docs
from evenly.core.meant import meant

PACKAGE = Path(evenly.__file__).parent


def scenario_files() -> dict[str, Path]:
    """Return the embedded scenarios by name: packaged as `evenly/gallery`, in a source tree `scenarios`.

    >>> "chat" in scenario_files()
    True
    """
    folders = (PACKAGE / "gallery", PACKAGE.parents[1] / "scenarios")
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@cache
def rooms() -> dict[str, Catalog[Any]]:
    """Return every room by name."""
    found: dict[str, Catalog[Any]] = {}
    for module in pkgutil.walk_packages([str(PACKAGE)], "evenly."):
        if module.ispkg and module.name.count(".") >= 2:
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Catalog) and value.package == module.name:
                    found[value.noun] = value
    return dict(sorted(found.items()))


def listing(room: str | None = None) -> dict[str, dict[str, str]]:
    """Return names and one-line descriptions by room; raise `ValueError` for a room that does not exist."""
    known = ["scenarios", "papers", *rooms()]
    if room is not None and room not in known:
        raise ValueError(f"no room '{room}'; {meant(room, known)}")
    return {noun: _entries(noun) for noun in ([room] if room is not None else known)}


def _entries(noun: str) -> dict[str, str]:
    """Return names and one-line descriptions of what a room holds."""
    if noun == "scenarios":
        return {name: _comment(path) for name, path in scenario_files().items()}
    if noun == "papers":
        return _papers()
    catalog = rooms()[noun]
    return {name: catalog.about(name) for name in catalog}


def describe(name: str) -> str:
    """Return what a person wants to know of a plug-in, scenario or published system."""
    if name.endswith(".py"):
        room, _, file = name.partition("/")
        if room not in rooms():
            raise ValueError(f"say the room of '{name}' first: routers/{name}; rooms: {', '.join(rooms())}")
        return _plugin(room, rooms()[room], file)
    room, _, short = name.rpartition("/")
    known = _names()
    hits = [place for place, entries in known.items() if short in entries and room in ("", place)]
    if len(hits) > 1:
        choices = ", ".join(f"{place}/{short}" for place in hits)
        raise ValueError(f"'{name}' stands in several rooms; say which: {choices}")
    if hits == ["scenarios"]:
        return scenario_files()[short].read_text(encoding="utf-8")
    if hits == ["papers"]:
        return _paper(short)
    if hits:
        return _plugin(hits[0], rooms()[hits[0]], short)
    hint = meant(short, itertools.chain(*known.values()), "see `evenly list`")
    raise ValueError(f"nothing is called '{name}'; {hint}")


def _names() -> dict[str, list[str]]:
    from evenly.papers.evidence import names

    return {
        "scenarios": list(scenario_files()),
        "papers": names(),
        **{noun: catalog.names() for noun, catalog in rooms().items()},
    }


def _plugin(noun: str, catalog: Catalog[Any], name: str) -> str:
    kind = catalog[name]
    lines = [f"{name} ({noun})", "", inspect.getdoc(kind) or "", ""]
    example = [f"use: {name}"]
    if is_dataclass(kind):
        about = field_docs(kind)
        lines.append("Knobs:" if fields(kind) else "No knobs.")
        for entry in fields(kind):
            default = entry.default if entry.default is not MISSING else "required"
            if entry.default_factory is not MISSING:
                made = entry.default_factory()
                default = made if isinstance(made, dict) else type(made).__name__
            lines.append(f"  {entry.name} = {default}: {about.get(entry.name, '')}")
            if isinstance(default, int | float | str) and default != "required":
                example.append(f"{entry.name}: {default}")
    slot = SLOTS.get(noun, noun.rstrip("s"))
    return "\n".join([*lines, "", "Example:", f"  {slot}: {{{', '.join(example[:3])}}}"])


SLOTS = {
    "routers": "route",
    "admissions": "admit",
    "victims": "evict",
    "retentions": "retain",
    "sources": "trace",
    "lengths": "lengths",
    "prefetches": "prefetch",
    "tools": "tools",
    "workloads": "trace",
    "submissions": "trace",
    "keepalives": "keep",
    "corpora": "corpus",
    "dealers": "deal",
    "efforts": "cost",
    "affinities": "affinity",
}
"Where a plug-in of a room stands in a scenario, if that is not the room's name in the singular."


def _paper(name: str) -> str:
    from evenly.papers.evidence import read

    paper = read(name)
    lines = [
        paper.title,
        f"{paper.authors}, {paper.year}",
        paper.link,
        "",
        paper.about,
        "",
        f"{len(paper.claims)} claims:",
    ]
    lines += [f"  {claim.setting}: {claim.metric}" for claim in paper.claims]
    return "\n".join([*lines, "", f"Run them: evenly reproduce {name}"])


def _papers() -> dict[str, str]:
    from evenly.papers.evidence import HERE, names

    files = {name: HERE / f"{name.replace('-', '_')}.yaml" for name in names()}  # without the code of the measures
    return {name: str(Document.read(path).raw["title"]) for name, path in files.items()}


def _comment(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
