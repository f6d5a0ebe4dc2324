"""Plug-ins found by their file names."""

import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
USER_MODULE = "evenly_user_"
"Beginning of the module names of plug-ins in files of the user's own."
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
        own = {
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__)
            if module.name[0] != "_"
        }
        return sorted(own | set(self._outside()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __getitem__(self, name: str) -> type[T]:
        """Return the class of a plug-in; raise `ValueError` with a suggestion if there is none."""
        if name.endswith(".py"):
            return self._from_file(Path(name))
        outside = self._outside()
        if name in outside:
            return self._checked(outside[name].load(), name)
        if name not in self.names():
            near = difflib.get_close_matches(name, self.names(), 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(self.names())}"
            raise ValueError(f"no '{name}' among {self.noun}; {hint}")
        module = importlib.import_module(f"{self.package}.{name.replace('-', '_')}")
        return self._checked(getattr(module, camel(name)), name)

    def name_of(self, plugin: object) -> str:
        """Return the name under which a plug-in object or class is known."""
        kind = plugin if isinstance(plugin, type) else type(plugin)
        return kind.__module__.rpartition(".")[2].replace("_", "-")

    def _outside(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {point.name: point for point in importlib.metadata.entry_points(group=self.package)}

    def _from_file(self, path: Path) -> type[T]:
        if not path.is_file():
            raise ValueError(f"no file '{path}' with a plug-in for {self.noun}")
        module = _import_file(path)
        wanted = camel(path.stem)
        if not hasattr(module, wanted):
            raise ValueError(f"'{path}' must define class {wanted}, after the name of the file")
        return self._checked(getattr(module, wanted), str(path))

    def _checked(self, kind: type[Any], name: str) -> type[T]:
        missing = [verb for verb in self.verbs if not callable(getattr(kind, verb, None))]
        if missing:
            raise ValueError(f"'{name}' among {self.noun} lacks the method {', '.join(missing)}")
        return cast("type[T]", kind)


def catalogs() -> list[Catalog[Any]]:
    """Return the catalogues of all rooms that were imported so far."""
    return list(_catalogs.values())


def catalog_of(protocol: object) -> Catalog[Any] | None:
    """Return the catalog whose plug-ins follow `protocol`, or `None`."""
    return _catalogs.get(protocol) if isinstance(protocol, type) else None


def camel(name: str) -> str:
    """Turn a plug-in's or file's name into its class name.

    >>> camel("power-of-d"), camel("vllm_v1")
    ('PowerOfD', 'VllmV1')
    """
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))


def _import_file(path: Path) -> ModuleType:
    name = f"{USER_MODULE}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
