"""From plain values to dataclasses and plug-ins, with exact types and every mistake at once."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import cattrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn

from evenly.core.catalog import catalog_of
from evenly.core.meant import meant
from evenly.core.strict import Keys
from evenly.core.types import FilePath

T = TypeVar("T")
LARGEST = 2**63 - 1  # whole numbers end in 64-bit columns
SHOWN = 120  # characters of a wrong value in a message
_SCALARS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
"Where the scenario that is read stands."


def structure(raw: Any, kind: type[T], folder: Path | None = None) -> T | list[tuple[Keys, str]]:
    """Return an object of the dataclass `kind`, or every mistake as path and message.

    File names are looked up in `folder` first.
    """
    token = _folder.set(folder)
    try:
        return _converter().structure(raw, kind)
    except Exception as error:  # cattrs groups whatever the hooks raise
        return list(_mistakes(error, ()))
    finally:
        _folder.reset(token)


def locate(name: str, folder: Path | None) -> str:
    """Return the place of a file: beside the scenario, or else in the current folder.

    A name that is neither is returned as it is; who reads the file says so.
    """
    path = Path(name).expanduser()
    if folder is None or path.is_absolute():
        return str(path) if path.is_absolute() else name
    for place in (folder / path, path):
        try:
            if place.exists():
                return str(place.resolve())
        except (OSError, ValueError):  # longer than the system allows, or with a NUL
            return name
    return name


def _mistakes(error: BaseException, path: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(error, ClassValidationError | IterableValidationError):
        placed, others = error.group_exceptions()
        for inner, note in placed:
            key: Any = getattr(note, "name", None) if isinstance(error, ClassValidationError) else note.index
            yield from _mistakes(inner, (*path, key))
        for other in others:
            yield from _mistakes(other, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [f.name for f in dataclasses.fields(error.cl) if f.init]
        for key in sorted(error.extra_fields):
            yield (*path, key), f"no field '{key}'; {meant(key, known) if known else 'it has none'}"
    elif isinstance(error, KeyError):
        yield path, f"'{error.args[0]}' is missing"
    elif isinstance(error, ValueError):
        yield path, str(error)
    else:  # raised by the code of a plug-in
        yield path, f"{type(error).__name__}: {error}"


@cache
def _converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
    for kind in _SCALARS:
        made.register_structure_hook(kind, _scalar)
    made.register_structure_hook_func(lambda kind: kind is FilePath, _file)
    made.register_structure_hook_func(_is_choice, _choice)
    made.register_structure_hook_factory(dataclasses.is_dataclass, lambda kind: _dataclass(made, kind))
    made.register_structure_hook_factory(lambda kind: catalog_of(kind) is not None, lambda kind: _plugin(made, kind))
    made.register_structure_hook_func(_is_sequence, _sequence(made))
    made.register_structure_hook_func(_is_mapping, _mapping(made))
    return made


def _is_sequence(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple or origin is list


def _is_mapping(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is Mapping


def _is_choice(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return str(origin) == "typing.Literal"


def _scalar(value: Any, kind: type[Any]) -> Any:
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"expected {_SCALARS[kind]}, found {_short(value)}")
    if kind is float and math.isnan(value):
        raise ValueError("expected a number, found NaN")
    if kind in (int, float) and isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError(f"expected a number of at most 18 digits, found {_short(value)}")
    return kind(value)


def _file(value: Any, _: Any) -> str:
    return locate(_scalar(value, str), _folder.get())


def _choice(value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    hint = meant(value if isinstance(value, str) else "", map(str, choices))
    raise ValueError(f"no choice {_short(value)}; {hint}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _sequence(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def structure_items(value: Any, kind: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected a list, found {_short(value)}")
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

    return structure_items


def _mapping(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def structure_values(value: Any, kind: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"expected names with values, found {_short(value)}")
        errors: list[Exception] = []
        found = {}
        name_kind, inner = get_args(kind)
        for name, item in value.items():
            try:
                found[made.structure(name, name_kind)] = made.structure(item, inner)
            except Exception as error:
                error.add_note(cattrs.IterableValidationNote("", name, inner))
                errors.append(error)
        if errors:
            raise IterableValidationError("mistakes in a mapping", errors, dict)
        return found

    return structure_values


def _dataclass(made: cattrs.Converter, kind: type[Any]) -> Callable[[Any, Any], Any]:
    build = make_dict_structure_fn(kind, made, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True)

    def structure_fields(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a mapping, found {_short(value)}")
        return build({str(key): inner for key, inner in value.items()}, kind)

    return structure_fields


def _plugin(made: cattrs.Converter, protocol: type[Any]) -> Callable[[Any, Any], Any]:
    catalog = catalog_of(protocol)
    assert catalog is not None

    def structure_plugin(value: Any, _: Any) -> Any:
        entry = {"use": value} if isinstance(value, str) else value
        if not isinstance(entry, Mapping) or not isinstance(entry.get("use"), str):
            named = f"; write {_flow({'use': 'NAME', **entry})}" if isinstance(entry, Mapping) and entry else ""
            found = f"found {_short(value)}{named}"
            raise ValueError(f"expected {{use: NAME, ...}} with a name among {catalog.noun}, {found}")
        name: str = entry["use"]
        kind = catalog[locate(name, _folder.get()) if name.endswith(".py") else name]
        return made.structure({key: inner for key, inner in entry.items() if key != "use"}, kind)

    return structure_plugin


def _flow(value: Any) -> str:
    """Return a value as people write it on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return _short(value) if isinstance(value, list) else str(value)
