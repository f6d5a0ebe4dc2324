"""Find the newest version that is whole, and fill a state from it."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import torch

from evenly.hosts.torch.checkpoints import folder as versions
from evenly.hosts.torch.checkpoints import lean
from evenly.hosts.torch.checkpoints.agreement import Agreement
from evenly.hosts.torch.checkpoints.errors import CheckpointError
from evenly.hosts.torch.checkpoints.file import File
from evenly.hosts.torch.checkpoints.layout import DTYPES
from evenly.hosts.torch.checkpoints.sharded import Sharded, is_dtensor, of_dtensor
from evenly.hosts.torch.checkpoints.state import Stateful


def newest(folder: Path, agreed: Agreement, version: int | None = None) -> tuple[int, list[File]] | None:
    """Return the newest version whose files are what its manifest says, or the given one, and its files, open.

    `None` without any. Ranks share the work of reading, and agree. A version that another process removes meanwhile
    makes way for a newer one. Raises `CheckpointError` if there are versions and none is whole.
    """
    there = versions.versions(folder)
    told = [len(there), there[0] if there else -1]
    if any(other != told for other in agreed.gather(told)):
        raise CheckpointError(f"{folder}: ranks see different versions; the folder must be one that all share")
    if version is not None:
        if version not in there:
            raise CheckpointError(f"{folder}: no version {version}; there are {there or 'none'}")
        there = [version]
    wrong = []
    for one in there:
        files, error = _checked(folder, one, agreed)
        if not any(bad for (bad,) in agreed.gather([bool(error)])):
            return one, files
        wrong.append(error or f"version {one}: another rank found it damaged")
    changed = version is None and versions.versions(folder)[:1] not in ([], there[:1])
    if any(anew for (anew,) in agreed.gather([changed])):
        return newest(folder, agreed)
    if wrong:
        raise CheckpointError("no version is whole:\n" + "\n".join(wrong))
    return None


def opened(folder: Path, version: int) -> list[File]:
    """Return the files of a version, by rank; raise `CheckpointError` where one is missing or not ours."""
    return [File(versions.home(folder, version) / part.name) for part in versions.manifest(folder, version)]


def _checked(folder: Path, version: int, agreed: Agreement) -> tuple[list[File], str]:
    """Return the files of a version, and what this rank finds wrong with its share of them, or nothing."""
    try:
        for part in versions.manifest(folder, version)[agreed.rank :: agreed.ranks]:
            versions.verify(folder, version, part)
        return opened(folder, version), ""
    except CheckpointError as error:
        return [], str(error)


def fill(state: MutableMapping[str, Any], files: list[File], version: int, rank: int) -> None:
    """Fill a state of a rank from the files of a version; raise `CheckpointError` for what it has not."""
    readers = [_Tensors(file) for file in ([files[rank]] if rank < len(files) else []) + [files[0]]]
    for key in list(state):
        reader = next((reader for reader in readers if key in reader.file.lean), None)
        if reader is None:
            raise CheckpointError(f"version {version} has no '{key}'; it has {', '.join(files[0].lean)}")
        target = state[key]
        wanted = target.state_dict() if isinstance(target, Stateful) else target
        found = lean.unpack(reader.file.lean[key], reader)
        filled = _filled(wanted, found, files, key)
        if isinstance(target, Stateful):
            target.load_state_dict(filled)
        else:
            state[key] = filled


class _Tensors:
    """Reads each tensor of a file once, so that tensors that were one are one again."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.read: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        if name in self.file.whole:
            return _Blocks(name, self.file.whole[name])
        if name not in self.read:
            self.read[name] = self.file.read(name)
        return self.read[name]


class _Blocks:
    """A tensor that lies in blocks in several files."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name = name
        self.shape = shape


def _filled(wanted: Any, found: Any, files: list[File], path: str) -> Any:
    """Return what was found, in the tensors that were there already where there were some."""
    if isinstance(found, _Blocks):
        return _put_together(wanted, found, files, path)
    if isinstance(found, torch.Tensor) and isinstance(wanted, torch.Tensor | Sharded):
        if tuple(wanted.shape) != tuple(found.shape):
            raise CheckpointError(f"{path}: shape {tuple(found.shape)} was saved, {tuple(wanted.shape)} is wanted")
        block: Any = of_dtensor(wanted) if is_dtensor(wanted) else wanted
        with torch.no_grad():
            if not isinstance(block, Sharded):
                return block.copy_(found)
            ends = zip(block.start, block.local.shape, strict=True)
            block.local.copy_(found[tuple(slice(begin, begin + size) for begin, size in ends)])
        return wanted
    if isinstance(found, Mapping):
        inside = wanted if isinstance(wanted, Mapping) else {}
        return {key: _filled(inside.get(key), value, files, f"{path}.{key}") for key, value in found.items()}
    if isinstance(found, list | tuple):
        same = isinstance(wanted, list | tuple) and len(wanted) == len(found)
        pairs = zip(wanted if same else [None] * len(found), found, strict=True)
        return type(found)(_filled(one, other, files, f"{path}.{k}") for k, (one, other) in enumerate(pairs))
    return found


def _put_together(wanted: Any, found: _Blocks, files: list[File], path: str) -> Any:
    block = of_dtensor(wanted) if is_dtensor(wanted) else wanted
    if not isinstance(block, Sharded):
        whole = block if isinstance(block, torch.Tensor) else _whole(found, files)
        block = Sharded(whole, found.shape, (0,) * len(found.shape))
        wanted = whole
    if tuple(block.shape) != found.shape:
        raise CheckpointError(f"{path}: shape {found.shape} was saved, {tuple(block.shape)} is wanted")
    blocks = {(file.start.get(found.name), file.places[found.name].shape): file for file in files if _has(file, found)}
    with torch.no_grad():  # of blocks that several ranks have, one
        filled = sum(file.fill(found.name, block) for file in blocks.values())
    if filled != block.local.numel():
        raise CheckpointError(f"{path}: {filled} of {block.local.numel()} elements of a block were saved")
    return wanted


def _whole(found: _Blocks, files: list[File]) -> torch.Tensor:
    """Return memory for all of a tensor."""
    dtype = next(file.places[found.name].dtype for file in files if _has(file, found))
    return torch.empty(found.shape, dtype=DTYPES[dtype])


def _has(file: File, blocks: _Blocks) -> bool:
    return blocks.name in file.places
