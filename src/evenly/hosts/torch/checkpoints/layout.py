"""Where each tensor stands in a file, and the pieces in which it gets there."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

# Names of safetensors, https://huggingface.co/docs/safetensors.
DTYPES = {
    "C64": torch.complex64,
    "F64": torch.float64,
    "I64": torch.int64,
    "U64": torch.uint64,
    "F32": torch.float32,
    "I32": torch.int32,
    "U32": torch.uint32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I16": torch.int16,
    "U16": torch.uint16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor in a file: bytes from `begin` to `end` behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Elements `first` to `last` of a tensor, which stand at byte `at` of a chunk."""

    name: str
    first: int
    last: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that are copied and written together, from `offset` behind the header."""

    offset: int
    size: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Places by name, in the order of the file, and the chunks in that order."""

    places: Mapping[str, Place]
    chunks: tuple[Chunk, ...]
    last: Mapping[str, int]
    "Number of chunks up to the end of each tensor."
    size: int


def layout(tensors: Mapping[str, torch.Tensor], chunk: int) -> Layout:
    """Return a layout without holes: wide elements first, so that all are aligned, else in the order given.

    `chunk` is the most bytes of a chunk, a multiple of 64. Raises `ValueError` for dtypes that the format lacks.
    """
    places: dict[str, Place] = {}
    last: dict[str, int] = {}
    parts: list[list[Piece]] = []
    end = 0
    for name in sorted(tensors, key=lambda name: -tensors[name].element_size()):
        tensor = tensors[name]
        if tensor.dtype not in NAMES:
            raise ValueError(f"{name}: no {tensor.dtype} in the format; known: {', '.join(map(str, NAMES))}")
        width, begin = tensor.element_size(), end
        end += width * tensor.numel()
        places[name] = Place(NAMES[tensor.dtype], tuple(tensor.shape), begin, end)
        for k in range(begin // chunk, -(-end // chunk)):
            parts.extend([] for _ in range(k + 1 - len(parts)))
            low, high = max(begin, k * chunk), min(end, (k + 1) * chunk)
            if low < high:
                piece = Piece(name, (low - begin) // width, (high - begin) // width, low - k * chunk, high - low)
                parts[k].append(piece)
        last[name] = len(parts)
    chunks = tuple(Chunk(k * chunk, min(chunk, end - k * chunk), tuple(some)) for k, some in enumerate(parts))
    return Layout(places, chunks, last, end)
