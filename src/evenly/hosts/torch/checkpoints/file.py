"""The file of a rank, in the layout of safetensors: length of the header, header, tensors back to back.

The state without its tensors stands in the header's metadata, so that safetensors and torch's distributed checkpoints
read the tensors, and we read all of it.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evenly.hosts.torch.checkpoints.errors import CheckpointError
from evenly.hosts.torch.checkpoints.layout import DTYPES, Layout, Place
from evenly.hosts.torch.checkpoints.sharded import Sharded

VERSION = "1"  # of our part of the metadata
ALIGN = 64  # bytes; where tensors begin
MOST = 1 << 30  # bytes of a header
SHARDS = "DCP_SHARDING_INFO"  # where torch's distributed checkpoints look for the beginnings of blocks


def head(made: Layout, lean: Any, shards: Mapping[str, Sharded]) -> bytes:
    """Return the header of a file with the length before it, padded so that the tensors are aligned."""
    metadata = {"format": "pt", "evenly": VERSION, "state": json.dumps(lean, separators=(",", ":"))}
    if shards:
        starts = {name: [0] * len(place.shape) for name, place in made.places.items()}
        starts |= {name: list(shard.start) for name, shard in shards.items()}
        metadata[SHARDS] = json.dumps({name: {"saved_offsets": start} for name, start in starts.items()})
        metadata["whole"] = json.dumps({name: list(shard.shape) for name, shard in shards.items()})
    told: dict[str, Any] = {"__metadata__": metadata}
    for name, place in made.places.items():
        told[name] = {
            "dtype": place.dtype,
            "shape": list(place.shape),
            "data_offsets": [place.begin, place.end],
        }
    text = json.dumps(told, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGN)
    return struct.pack("<Q", len(text)) + text


class File:
    """A file that is read: its state without tensors, and its tensors by name."""

    def __init__(self, path: Path) -> None:
        """Read the header; raise `CheckpointError` for anything that `head` would not have written."""
        self.path = path
        try:
            size = path.stat().st_size
            self.places, metadata, self.begin = _header(path, size)
            self.lean: Any = json.loads(metadata["state"])
            starts = json.loads(metadata.get(SHARDS, "{}"))
            self.whole = {name: tuple(shape) for name, shape in json.loads(metadata.get("whole", "{}")).items()}
            self.start = {name: tuple(starts[name]["saved_offsets"]) for name in self.whole}
            self.memory = np.memmap(path, np.uint8, "r")  # stays readable when the version is removed
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise CheckpointError(f"{path}: not a checkpoint of evenly, or damaged: {error}") from error

    def read(self, name: str) -> torch.Tensor:
        """Return a tensor, in memory of its own on the CPU."""
        place = self.places[name]
        found = torch.empty(place.shape, dtype=DTYPES[place.dtype])
        if found.numel():
            found.reshape(-1).view(torch.uint8).numpy()[:] = self._bytes(place.begin, place.end)
        return found

    def fill(self, name: str, target: Sharded) -> int:
        """Copy what this file has of a block; return the number of elements."""
        place, start = self.places[name], self.start.get(name, (0,) * len(self.places[name].shape))
        wanted = [(s, s + n) for s, n in zip(target.start, target.local.shape, strict=True)]
        here = [(s, s + n) for s, n in zip(start, place.shape, strict=True)]
        both = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(wanted, here, strict=True)]
        if any(low >= high for low, high in both):
            return 0
        rows = slice(both[0][0] - start[0], both[0][1] - start[0]) if both else slice(0, 1)
        others = tuple(slice(low - s, high - s) for (low, high), s in zip(both[1:], start[1:], strict=True))
        source = self._rows(place, rows)[(slice(None), *others) if both else ()]
        into = target.local[tuple(slice(a - s, b - s) for (a, b), s in zip(both, target.start, strict=True))]
        into.copy_(source)
        return int(into.numel())

    def _rows(self, place: Place, rows: slice) -> torch.Tensor:
        """Return some rows of a tensor; of one without dimensions, all."""
        count = place.shape[0] if place.shape else 1
        each = (place.end - place.begin) // count
        shape = (rows.stop - rows.start, *place.shape[1:]) if place.shape else ()
        found = torch.empty(shape, dtype=DTYPES[place.dtype])
        flat = found.reshape(-1).view(torch.uint8).numpy()
        flat[:] = self._bytes(place.begin + rows.start * each, place.begin + rows.stop * each)
        return found

    def _bytes(self, begin: int, end: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        return self.memory[self.begin + begin : self.begin + end]


def _header(path: Path, size: int) -> tuple[dict[str, Place], dict[str, str], int]:
    """Return places, metadata, and where the tensors begin; raise `ValueError` that says what is wrong."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if not 2 <= length <= min(MOST, size - 8):
            raise ValueError(f"a header of {length} bytes in a file of {size}")
        told = json.loads(file.read(length))
    metadata = told.pop("__metadata__")
    if metadata.get("evenly") != VERSION:
        raise ValueError(f"format {metadata.get('evenly')!r}, this reads {VERSION!r}")
    places = {}
    end = 0
    for name, entry in told.items():
        low, high = entry["data_offsets"]
        place = Place(entry["dtype"], tuple(entry["shape"]), low, high)
        count = DTYPES[place.dtype].itemsize
        for n in place.shape:
            count *= n
        if low != end or high - low != count or min(place.shape, default=0) < 0:
            raise ValueError(f"{name}: bytes {low} to {high} do not hold {place.dtype} of shape {place.shape}")
        places[name], end = place, high
    if 8 + length + end != size:
        raise ValueError(f"{size} bytes, the header tells of {8 + length + end}")
    return places, metadata, 8 + length
