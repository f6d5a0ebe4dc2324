"""What a run reads besides its scenario: trace files, profiles, policies of the user's own, and evenly itself."""

import dataclasses
import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import evenly
from evenly.core import FilePath
from evenly.core.catalog import plugin_name

SHOWS_ONLY = ("report", "papers", "testing", "cli", "lookup.py")  # parts of the package that change no result
SUFFIXES = (".py", ".yaml", ".json")


def inputs(scenario: object) -> dict[str, str]:
    """Return a fingerprint of the content of every file that a scenario reads, by path."""
    return {str(path): _content(path) for path in sorted(set(_files(scenario))) if path.exists()}


@cache
def code() -> str:
    """Return a fingerprint of the code that computes results, so that a changed policy is not taken for the old one."""
    root = Path(evenly.__file__).parent
    digest = hashlib.sha256(evenly.__version__.encode())
    for path in sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES):
        inner = path.relative_to(root)
        if inner.parts[0] not in SHOWS_ONLY:
            digest.update(f"{inner.as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def rooted(raw: Any, value: Any) -> Any:
    """Return `raw`, from which `value` was made, with the place of each file in full: it means the same anywhere."""
    if dataclasses.is_dataclass(value) and isinstance(raw, str):
        return plugin_name(value) if raw.endswith(".py") else raw
    if dataclasses.is_dataclass(value) and isinstance(raw, Mapping):
        kind: Any = type(value)
        files = _file_fields(kind)
        changed = {
            name: getattr(value, name) if name in files else rooted(inner, getattr(value, name))
            for name, inner in raw.items()
            if hasattr(value, str(name))
        }
        if str(raw.get("use", "")).endswith(".py"):
            changed["use"] = plugin_name(value)
        return {**raw, **changed}
    if isinstance(raw, list) and isinstance(value, list | tuple):
        return [rooted(one, other) for one, other in zip(raw, value, strict=True)]
    return raw


def _files(value: object) -> Iterator[Path]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _files(inner)
    if not dataclasses.is_dataclass(value):
        return
    kind: Any = type(value)
    module = kind.__module__
    if module.partition(".")[0] != "evenly" and (source := getattr(sys.modules.get(module), "__file__", None)):
        yield Path(source)
    for entry in dataclasses.fields(value):
        inner = getattr(value, entry.name)
        if entry.name in _file_fields(kind) and isinstance(inner, str):
            yield Path(inner)
        else:
            yield from _files(inner)


@cache
def _file_fields(kind: type[Any]) -> frozenset[str]:
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if hint is FilePath or FilePath in get_args(hint))


def _content(path: Path) -> str:
    digest = hashlib.sha256()
    inside = sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path]
    for file in inside:
        found = file.stat()
        digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
        digest.update(_sum(file, found.st_mtime_ns, found.st_size))
    return digest.hexdigest()[:16]


@cache
def _sum(file: Path, changed: int, size: int) -> bytes:
    """Return the digest of a file's content; read once as long as time and size stay the same."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
