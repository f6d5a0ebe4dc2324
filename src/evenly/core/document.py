"""Scenario files: strict YAML, overrides, and every mistake reported at once."""

import copy
import dataclasses
import difflib
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import cattrs
import yaml
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn

from evenly.core.catalog import USER_MODULE, camel, catalog_of, catalogs

T = TypeVar("T")
Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping with the line of every entry, before it becomes a scenario."""

    raw: Mapping[str, Any]
    source: str = "scenario"
    "File name for messages."
    lines: Mapping[Keys, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Read a file; raise `ValueError` for anything that is not one plain YAML mapping."""
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
        except OSError as error:
            raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str = "scenario") -> "Document":
        """Read YAML text.

        >>> Document.parse("kind: serve").raw
        {'kind': 'serve'}
        """
        try:
            node = yaml.compose(text, Loader=_Strict)
            raw = yaml.load(text, Loader=_Strict)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{source}:{mark.line + 1}" if mark else source
            raise ValueError(f"{place}: not valid YAML: {getattr(error, 'problem', error)}") from None
        except RecursionError:
            raise ValueError(f"{source}: not valid YAML: nested too deeply") from None
        if not isinstance(raw, dict):
            raise ValueError(f"{source}: expected a mapping such as 'kind: serve', found {type(raw).__name__}")
        lines: dict[Keys, int] = {}
        _mark(node, (), lines)
        return cls(raw, source, lines)

    def override(self, assignment: str) -> "Document":
        """Return a copy with `path=value` applied; the value is YAML.

        >>> Document({"route": {"use": "power-of-d"}}).override("route.d=4").raw
        {'route': {'use': 'power-of-d', 'd': 4}}
        """
        path, sign, text = assignment.partition("=")
        if not sign or not path:
            raise ValueError(f"write an override as path=value, not '{assignment}'")
        try:
            value = yaml.load(text, Loader=_Strict)
        except yaml.YAMLError:
            raise ValueError(f"the value of '{assignment}' is not valid YAML") from None
        return self.replace(path, value)

    def replace(self, path: str, value: Any) -> "Document":
        """Return a copy with `value` at the dotted `path`."""
        raw = copy.deepcopy(dict(self.raw))
        place: Any = raw
        *parents, last = path.split(".")
        for key in parents:
            inner = place.setdefault(key, {}) if isinstance(place, dict) else None
            if isinstance(inner, str):  # `route: power-of-d` is short for `route: {use: power-of-d}`
                inner = place[key] = {"use": inner}
            if not isinstance(inner, dict):
                raise ValueError(f"{self.source}: '{key}' in override '{path}' is not a mapping")
            place = inner
        place[last] = value
        return Document(raw, self.source, self.lines)

    def variants(self) -> dict[str, "Document"]:
        """Return one document for each entry of `compare`, by label; the document itself if there is none."""
        base = Document({key: value for key, value in self.raw.items() if key != "compare"}, self.source, self.lines)
        changes = self.raw.get("compare")
        if changes is None:
            return {"": base}
        if not isinstance(changes, dict) or not changes:
            raise ValueError(f"{self.place(('compare',))}: expected a mapping of label to changes @ compare")
        found: dict[str, Document] = {}
        for label, change in changes.items():
            if not isinstance(change, dict):
                raise ValueError(f"{self.place(('compare', label))}: expected a mapping of changes @ compare.{label}")
            found[str(label)] = base
            for path, value in change.items():
                found[str(label)] = found[str(label)].replace(str(path), value)
        return found

    def structure(self, kind: type[T], ignore: tuple[str, ...] = ()) -> T:
        """Return an object of the dataclass `kind`.

        Raises `ValueError` that lists every mistake, each with line, path, value and remedy.
        """
        raw = {key: value for key, value in self.raw.items() if key not in ignore}
        try:
            return _converter().structure(raw, kind)
        except Exception as error:  # cattrs groups whatever the hooks raise
            found = list(_mistakes(error, ()))
            text = "\n".join(f"{self.place(path)}: {what} @ {dotted(path)}" for path, what in found)
            raise ValueError(text) from None

    def place(self, path: Keys) -> str:
        """Return `file:line` of the entry at `path`, or of its nearest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.source}:{self.lines[path]}" if path in self.lines else self.source


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


def plugin_name(value: object) -> str:
    """Return the catalogue name of a plug-in object, or an empty string."""
    kind = type(value)
    module = kind.__module__
    if module.startswith(USER_MODULE):
        return str(sys.modules[module].__file__)
    stem = module.rpartition(".")[2]
    if camel(stem) != kind.__name__ or not any(module.startswith(f"{room.package}.") for room in catalogs()):
        return ""
    return stem.replace("_", "-")


def dotted(path: Keys) -> str:
    """Return a path as people write it.

    >>> dotted(("compare", "a", 0, "d"))
    'compare.a[0].d'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the file"


class _Strict(yaml.SafeLoader):
    """The safe loader, but 1e3 and 1_000.5 are floats, and a repeated key or an alias is a mistake.

    Aliases can make a few lines stand for more values than memory holds.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "aliases (*name) are not read; write the value out", self.peek_event().start_mark
            )
        return super().compose_node(parent, index)


_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+|\.inf|\.nan)$"),
    list("-+0123456789."),
)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' appears twice", key.start_mark)
        seen.add(key.value)
    return dict(loader.construct_pairs(node, deep=True))


_Strict.add_constructor("tag:yaml.org,2002:map", _mapping)


def _mark(node: Any, path: Keys, lines: dict[Keys, int]) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _mark(value, (*path, key.value), lines)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _mark(value, (*path, index), lines)


def _mistakes(error: BaseException, path: Keys) -> Any:
    if isinstance(error, ClassValidationError | IterableValidationError):
        placed, others = error.group_exceptions()
        for inner, note in placed:
            key: Any = getattr(note, "name", None) if isinstance(error, ClassValidationError) else note.index
            yield from _mistakes(inner, (*path, key))
        for other in others:
            yield from _mistakes(other, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [f.name for f in dataclasses.fields(error.cl)]
        for key in sorted(error.extra_fields):
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            yield (*path, key), f"no field '{key}'; {hint}"
    elif isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _mistakes(each, path)
    elif isinstance(error, KeyError):
        yield path, f"'{error.args[0]}' is missing"
    elif isinstance(error, ValueError | TypeError):
        yield path, str(error)
    else:
        raise error


@cache
def _converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
    for kind in _SCALARS:
        made.register_structure_hook(kind, _scalar)
    made.register_structure_hook_factory(dataclasses.is_dataclass, lambda kind: _dataclass(made, kind))
    made.register_structure_hook_factory(lambda kind: catalog_of(kind) is not None, lambda kind: _plugin(made, kind))
    made.register_structure_hook_func(_is_sequence, _sequence(made))
    return made


def _is_sequence(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple or origin is list


def _scalar(value: Any, kind: type[Any]) -> Any:
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"expected {_SCALARS[kind]}, found {value!r}")
    if kind is float and math.isnan(value):
        raise ValueError("expected a number, found NaN")
    return kind(value)


_SCALARS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _sequence(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def structure(value: Any, kind: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected a list, found {value!r}")
        errors: list[Exception] = []
        items = []
        inner = get_args(kind)[0]
        for index, item in enumerate(value):
            try:
                items.append(made.structure(item, inner))
            except Exception as error:
                error.add_note(cattrs.IterableValidationNote("", index, inner))
                errors.append(error)
        if errors:
            raise IterableValidationError("mistakes in a list", errors, list)
        return get_origin(kind)(items)

    return structure


def _dataclass(made: cattrs.Converter, kind: type[Any]) -> Callable[[Any, Any], Any]:
    build = make_dict_structure_fn(kind, made, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a mapping, found {value!r}")
        return build({str(key): inner for key, inner in value.items()}, kind)

    return structure


def _plugin(made: cattrs.Converter, protocol: type[Any]) -> Callable[[Any, Any], Any]:
    catalog = catalog_of(protocol)
    assert catalog is not None

    def structure(value: Any, _: Any) -> Any:
        entry = {"use": value} if isinstance(value, str) else value
        if not isinstance(entry, Mapping) or not isinstance(entry.get("use"), str):
            raise ValueError(f"expected {{use: NAME, ...}} with a name among {catalog.noun}, found {value!r}")
        kind = catalog[entry["use"]]
        return made.structure({key: inner for key, inner in entry.items() if key != "use"}, kind)

    return structure
