"""Plug-ins found by their file names."""

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from evenly.core.files import USER_MODULE, import_file
from evenly.core.meant import meant

T = TypeVar("T")
_catalogs: dict[type[Any], "Catalog[Any]"] = {}


class Catalog(Generic[T]):
    """The plug-ins of one room: each file of the package holds one class.

    The file `power_of_d.py` is `power-of-d` in YAML and the class `PowerOfD` in Python. Packages outside evenly
    add theirs through the entry-point group of the room's module name, and a name that ends in `.py` is a file of
    the user's own.
    """

    def __init__(self, package: str, protocol: type[T]) -> None:
        self.package = package
        self.protocol = protocol
        verbs = [name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if name[0] != "_"]
        self.verbs = tuple(verbs)
        self.noun = package.rpartition(".")[2]
        _catalogs[protocol] = self

    def names(self) -> list[str]:
        """Return the names of all plug-ins, sorted; nothing is imported."""
        return sorted(self._inside() | set(self.outside()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __getitem__(self, name: str) -> type[T]:
        """Return the class of a plug-in.

        Raises `ValueError` with a suggestion if there is none, or one that says what is wrong with it.
        """
        if name.endswith(".py"):
            return self._from_file(Path(name))
        if name in self._inside():
            module = importlib.import_module(f"{self.package}.{name.replace('-', '_')}")
            return self._checked(getattr(module, camel(name)), name)
        outside = self.outside()
        if name in outside:
            return self._checked(_load(outside[name]), name)
        raise ValueError(f"no '{name}' among {self.noun}; {meant(name, self.names())}")

    def about(self, name: str) -> str:
        """Return the first line of a plug-in's docstring; a file of this room is read, not imported."""
        if name not in self._inside():
            return (inspect.getdoc(self[name]) or "").partition("\n")[0]
        path = Path(next(iter(self._module().__path__))) / f"{name.replace('-', '_')}.py"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == camel(name)]
        return (ast.get_docstring(found[0]) or "").partition("\n")[0] if found else ""

    def name_of(self, plugin: object) -> str:
        """Return the name under which a plug-in object or class is known."""
        kind = plugin if isinstance(plugin, type) else type(plugin)
        return plugin_name(kind) or kind.__module__.rpartition(".")[2].replace("_", "-")

    def outside(self) -> dict[str, importlib.metadata.EntryPoint]:
        """Return the plug-ins that packages outside evenly offer for this room, by name."""
        return {point.name: point for point in _points(tuple(sys.path)).select(group=self.package)}

    def _module(self) -> Any:
        return importlib.import_module(self.package)

    def _inside(self) -> set[str]:
        found = pkgutil.iter_modules(self._module().__path__)
        return {module.name.replace("_", "-") for module in found if module.name[0] != "_"}

    def _from_file(self, path: Path) -> type[T]:
        if not path.is_file():
            raise ValueError(f"no file '{path}' with a plug-in for {self.noun}")
        module = import_file(path)
        wanted = camel(path.stem)
        kind = getattr(module, wanted, None)
        if not isinstance(kind, type):
            raise ValueError(f"'{path}' must define class {wanted}, after the name of the file")
        return self._checked(kind, str(path))

    def _checked(self, kind: type[Any], name: str) -> type[T]:
        missing = [verb for verb in self.verbs if not callable(getattr(kind, verb, None))]
        if missing:
            raise ValueError(f"'{name}' among {self.noun} lacks the method {', '.join(missing)}")
        for verb in self.verbs:
            wanted, found = _parameters(self.protocol, verb), _parameters(kind, verb)
            if found is not None and wanted is not None and not _takes(found, wanted):
                given, asked = ", ".join(map(str, found)), ", ".join(p.name for p in wanted)
                raise ValueError(f"'{name}' among {self.noun}: {verb}({given}) must take ({asked})")
        return cast("type[T]", kind)


def catalogs() -> list[Catalog[Any]]:
    """Return the catalogues of all rooms that were imported so far."""
    return list(_catalogs.values())


def catalog_of(protocol: object) -> Catalog[Any] | None:
    """Return the catalog whose plug-ins follow `protocol`, or `None`."""
    return _catalogs.get(protocol) if isinstance(protocol, type) else None


def plugin_name(value: object) -> str:
    """Return the name of a plug-in object or class in YAML, or an empty string."""
    kind = value if isinstance(value, type) else type(value)
    module = kind.__module__
    if module.startswith(USER_MODULE):
        return str(sys.modules[module].__file__)
    package, _, stem = module.rpartition(".")
    rooms = {room.package: room for room in catalogs()}
    if package in rooms:
        return stem.replace("_", "-") if camel(stem) == kind.__name__ else ""
    if module.partition(".")[0] in ("evenly", "builtins"):
        return ""
    points = [point for room in rooms.values() for point in room.outside().values()]
    return next((point.name for point in points if point.value == f"{module}:{kind.__qualname__}"), "")


def camel(name: str) -> str:
    """Turn a plug-in's or file's name into its class name.

    >>> camel("power-of-d"), camel("vllm_v1")
    ('PowerOfD', 'VllmV1')
    """
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))


def field_docs(kind: type[Any]) -> dict[str, str]:
    """Return the string under each field of a class and of the dataclasses that it extends, by field."""
    found = {}
    for each in filter(is_dataclass, reversed(kind.__mro__)):
        tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(each)))
        for one, two in pairwise(cast("ast.ClassDef", tree.body[0]).body):
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(two, ast.Expr):
                found[one.target.id] = str(ast.literal_eval(two.value))
    return found


@cache
def _points(_: tuple[str, ...]) -> Any:
    """Return the entry points of all packages on a path: to look for them takes as long as all else of a look-up."""
    return importlib.metadata.entry_points()


def _load(point: importlib.metadata.EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # whatever code of another package does
        raise ValueError(f"the plug-in '{point.name}' of {point.value} cannot be loaded: {error}") from error


def _parameters(kind: type[Any], verb: str) -> list[inspect.Parameter] | None:
    """Return what callers of a verb pass; `None` where Python cannot tell."""
    static = isinstance(inspect.getattr_static(kind, verb), staticmethod)
    try:
        found = list(inspect.signature(getattr(kind, verb)).parameters.values())
    except (TypeError, ValueError):
        return None
    return found if static else found[1:]


def _takes(found: list[inspect.Parameter], wanted: list[inspect.Parameter]) -> bool:
    by_name = {p.name: None for p in wanted if p.kind is p.KEYWORD_ONLY}
    try:
        inspect.Signature(found).bind(*[None] * (len(wanted) - len(by_name)), **by_name)
    except TypeError:
        return False
    return True
