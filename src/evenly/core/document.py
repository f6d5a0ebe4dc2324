"""Scenario files: strict YAML, overrides, variants, and every mistake reported at once."""

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from evenly.core.catalog import plugin_name
from evenly.core.strict import Keys, load
from evenly.core.structure import structure

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping with the place of every entry, before it becomes a scenario."""

    raw: Mapping[str, Any]
    source: str = "scenario"
    "File name for messages."
    lines: Mapping[Keys, int | str] = field(default_factory=dict)
    "Line of each entry, or the override that wrote it."
    folder: Path | None = None
    "Where relative file names are looked up first; `None`: in the current folder only."

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Read a file; raise `ValueError` for anything that is not one plain YAML mapping."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
        except OSError as error:
            raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
        return replace(cls.parse(text, str(path)), folder=path.parent.resolve())

    @classmethod
    def parse(cls, text: str, source: str = "scenario") -> "Document":
        """Read YAML text.

        >>> Document.parse("kind: serve").raw
        {'kind': 'serve'}
        """
        raw, lines = load(text, source)
        if not isinstance(raw, dict):
            found = "nothing; the file is empty" if raw is None else f"a {_NOUNS.get(type(raw), 'single value')}"
            raise ValueError(f"{source}: expected a mapping such as 'kind: serve', found {found}")
        return cls(raw, source, lines)

    def override(self, assignment: str) -> "Document":
        """Return a copy with `path=value` applied; the value is YAML.

        Raises `ValueError` if that is not what it says, or if every variant of `compare` sets the path itself.

        >>> Document({"route": {"use": "power-of-d"}}).override("route.d=4").raw
        {'route': {'use': 'power-of-d', 'd': 4}}
        """
        path, sign, text = assignment.partition("=")
        if not sign or not path:
            raise ValueError(f"write an override as path=value, not '{assignment}'")
        value, _ = load(text, f"--set {assignment}")
        changes = self.raw.get("compare")
        if isinstance(changes, dict) and changes and all(_within(path, change) for change in changes.values()):
            label = next(iter(changes))
            raise ValueError(
                f"--set {assignment} changes nothing: every variant of compare sets '{path}' itself; change one with "
                f"compare.{label}.{path}=VALUE, or compare nothing with compare=null"
            )
        return self.replace(path, value, f"--set {assignment}")

    def replace(self, path: str, value: Any, place: int | str = "") -> "Document":
        """Return a copy with `value` at the dotted `path`; `place` says where it was written, for messages."""
        raw = copy.deepcopy(dict(self.raw))
        inside: Any = raw
        *parents, last = path.split(".")
        for key in parents:
            inner = inside.setdefault(key, {}) if isinstance(inside, dict) else None
            if inner is None and isinstance(inside, dict):  # `route:` with nothing after it
                inner = inside[key] = {}
            if isinstance(inner, str):  # `route: power-of-d` is short for `route: {use: power-of-d}`
                inner = inside[key] = {"use": inner}
            if not isinstance(inner, dict):
                raise ValueError(f"{self.source}: '{key}' in override '{path}' is not a mapping")
            inside = inner
        inside[last] = value
        keys = (*parents, last)
        lines = {old: line for old, line in self.lines.items() if old[: len(keys)] != keys}
        return replace(self, raw=raw, lines=lines | {keys: place} if place else lines)

    def variants(self) -> dict[str, "Document"]:
        """Return one document for each entry of `compare`, by label; the document itself if there is none."""
        base = replace(self, raw={key: value for key, value in self.raw.items() if key != "compare"})
        changes = self.raw.get("compare")
        if changes is None:
            return {"": base}
        if not isinstance(changes, dict) or not changes:
            raise ValueError(f"{self.place(('compare',))}: expected a mapping of label to changes @ compare")
        wrong = [label for label, change in changes.items() if not isinstance(change, dict)]
        if wrong:
            places = [(self.place(("compare", label)), label) for label in wrong]
            raise ValueError(
                "\n".join(f"{place}: expected a mapping of changes @ compare.{label}" for place, label in places)
            )
        found: dict[str, Document] = {}
        for label, change in changes.items():
            made = base
            for path, value in change.items():
                made = self._moved(made.replace(str(path), value), ("compare", label, str(path)), str(path))
            found[str(label)] = made
        return found

    def _moved(self, variant: "Document", begin: Keys, path: str) -> "Document":
        """Return the variant with the lines of one of its changes."""
        keys = tuple(path.split("."))
        inner = {old[len(begin) :]: line for old, line in self.lines.items() if old[: len(begin)] == begin}
        return replace(variant, lines=dict(variant.lines) | {(*keys, *rest): line for rest, line in inner.items()})

    def structure(self, kind: type[T], ignore: tuple[str, ...] = ()) -> T:
        """Return an object of the dataclass `kind`.

        Raises `ValueError` that lists every mistake, each with line, path, value and remedy.
        """
        raw = {key: value for key, value in self.raw.items() if key not in ignore}
        made = structure(raw, kind, self.folder)
        if isinstance(made, list):
            found = sorted(made, key=lambda mistake: self._line(mistake[0]))
            raise ValueError("\n".join(f"{self.place(path)}: {what} @ {dotted(path)}" for path, what in found))
        return made

    def place(self, path: Keys) -> str:
        """Return `file:line` of the entry at `path`, of one that an override put inside, or of its nearest parent."""
        line = self._nearest(path)
        return line if isinstance(line, str) else f"{self.source}:{line}"

    def _nearest(self, path: Keys) -> int | str:
        inside = [line for keys, line in self.lines.items() if keys[: len(path)] == path]
        if path not in self.lines and inside:
            return inside[-1]
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.source)

    def _line(self, path: Keys) -> int:
        line = self._nearest(path)
        return line if isinstance(line, int) else 0


_NOUNS = {list: "list", str: "text", int: "number", float: "number", bool: "truth value"}


def unstructure(value: Any) -> Any:
    """Return plain mappings, lists and scalars from which `Document.structure` rebuilds the same object."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entry = {f.name: unstructure(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        name = plugin_name(value)
        return {"use": name, **entry} if name else entry
    if isinstance(value, Mapping):
        return {str(key): unstructure(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [unstructure(inner) for inner in value]
    return value


def told(entry: Any, name: str = "") -> str:
    """Return a plug-in and its knobs in one line; `name` is that of one outside the catalogues.

    >>> told({"use": "poisson", "rate": 2.0, "lengths": {"use": "fixed", "prompt": 8}})
    'poisson (rate 2.0, lengths fixed (prompt 8))'
    """
    if not isinstance(entry, dict):
        return str(entry)
    knobs = ", ".join(
        f"{key} {told(value)}"
        for key, value in entry.items()
        if key != "use" and value is not None and (not isinstance(value, dict) or value)
    )
    return str(entry.get("use", name)) + (f" ({knobs})" if knobs else "")


def dotted(path: Keys) -> str:
    """Return a path as people write it.

    >>> dotted(("compare", "a", 0, "d"))
    'compare.a[0].d'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


def _within(path: str, change: Any) -> bool:
    """Tell whether a variant's change writes the whole of what stands at `path`."""
    return isinstance(change, dict) and any(path == key or path.startswith(f"{key}.") for key in change)
