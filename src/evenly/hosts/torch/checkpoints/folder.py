"""The folder of a run's checkpoints: one folder a version, complete when its manifest is there."""

import json
import os
import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenly.hosts.torch.checkpoints.errors import CheckpointError

NAME = re.compile(r"version-(\d{10})")
MANIFEST = "manifest.json"
FORMAT = "evenly checkpoint"
BLOCK = 1 << 22  # bytes that are read at once
MOST = 10**10 - 1  # the largest version that a name holds


@dataclass(frozen=True, slots=True)
class Part:
    """The file of one rank: its size and checksum."""

    name: str
    bytes: int
    crc32: int


def home(folder: Path, version: int) -> Path:
    """Return the folder of a version."""
    return folder / f"version-{version:010d}"


def part_name(rank: int) -> str:
    """Return the name of a rank's file."""
    return f"rank-{rank:05d}.safetensors"


def versions(folder: Path) -> list[int]:
    """Return all versions with a manifest, valid or not, newest first."""
    if not folder.is_dir():
        return []
    found = [int(match[1]) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted((version for version in found if (home(folder, version) / MANIFEST).is_file()), reverse=True)


def commit(folder: Path, version: int, parts: list[Part]) -> None:
    """Write the manifest of a version whose parts are on storage: complete or not at all, and there to stay."""
    told = {
        "format": FORMAT,
        "version": version,
        "files": [{"name": part.name, "bytes": part.bytes, "crc32": part.crc32} for part in parts],
    }
    place = home(folder, version)
    path = place / f"{MANIFEST}.incomplete"
    with path.open("w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    path.rename(place / MANIFEST)
    settle(place)


def manifest(folder: Path, version: int) -> list[Part]:
    """Return the parts of a version; raise `CheckpointError` for a manifest that `commit` would not have written."""
    path = home(folder, version) / MANIFEST
    try:
        return _parts(json.loads(path.read_text(encoding="utf-8")), version)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{path}: not a manifest of version {version}: {error}") from error


def _parts(told: Any, version: int) -> list[Part]:
    if told["format"] != FORMAT or told["version"] != version:
        raise ValueError(f"it is of '{told['format']}', version {told['version']}")
    parts = [Part(str(file["name"]), int(file["bytes"]), int(file["crc32"])) for file in told["files"]]
    if [part.name for part in parts] != [part_name(rank) for rank in range(len(parts))] or not parts:
        raise ValueError(f"its files are {[part.name for part in parts]}")
    return parts


def verify(folder: Path, version: int, part: Part) -> None:
    """Raise `CheckpointError` if a file is not what its manifest says, byte for byte."""
    path = home(folder, version) / part.name
    try:
        size = path.stat().st_size
        if size != part.bytes:
            raise CheckpointError(
                f"{path}: {size} bytes, the manifest tells of {part.bytes}; it is cut off or replaced"
            )
        crc = 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                crc = zlib.crc32(block, crc)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    if crc != part.crc32:
        raise CheckpointError(f"{path}: checksum {crc:08x}, the manifest tells of {part.crc32:08x}; it is damaged")


def prune(folder: Path, keep: int, newest: int) -> None:
    """Remove all but the newest `keep` versions, and what is left of versions before `newest` that never ended.

    A manifest goes first, so that what is half removed is no version.
    """
    kept = [version for version in versions(folder) if version <= newest][:keep]
    for path in list(folder.iterdir()):
        match = NAME.fullmatch(path.name)
        if match and int(match[1]) < newest and int(match[1]) not in kept:
            (path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(path)


def settle(folder: Path) -> None:
    """Wait until the names in a folder are on storage."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
