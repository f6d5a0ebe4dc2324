"""A state as strict JSON with its tensors beside it, and back; nothing in it can run code."""

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from evenly.hosts.torch.checkpoints.sharded import Sharded, is_dtensor, of_dtensor

Found = dict[str, "torch.Tensor | Sharded"]
TAGS = ("$tensor", "$sharded", "$array", "$dict", "$tuple", "$bytes", "$float")


def pack(state: Any) -> tuple[Any, Found]:
    """Return a state as a value that JSON holds, and its tensors by name.

    A name is the path to the tensor, joined by dots. Tensors that are the same memory, seen the same way, share a name.
    Raises `ValueError` with the path of a value that cannot be saved.

    >>> pack({"step": 3, "w": torch.zeros(2)})
    ({'step': 3, 'w': {'$tensor': 'w'}}, {'w': tensor([0., 0.])})
    """
    packer = _Packer()
    return packer.pack(state, ()), packer.found


class _Packer:
    def __init__(self) -> None:
        self.found: Found = {}
        self.names: dict[tuple[Any, ...], str] = {}

    def pack(self, value: Any, path: tuple[str, ...]) -> Any:
        if is_dtensor(value):
            value = of_dtensor(value)
        if isinstance(value, Sharded):
            return {"$sharded": self._named(value.local, value, path)}
        if isinstance(value, torch.Tensor):
            return {"$tensor": self._named(value, value, path)}
        if isinstance(value, np.ndarray):
            whole = _whole(value, path)
            return {"$array": self._named(whole, whole, path)}
        if isinstance(value, Mapping):
            return self._mapping(value, path)
        if isinstance(value, tuple | list):
            items = [self.pack(item, (*path, str(k))) for k, item in enumerate(value)]
            return {"$tuple": items} if isinstance(value, tuple) else items
        return _plain(value, path)

    def _mapping(self, value: Mapping[Any, Any], path: tuple[str, ...]) -> Any:
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: self.pack(item, (*path, key)) for key, item in value.items()}
        pairs = [[self.pack(key, path), self.pack(item, (*path, str(key)))] for key, item in value.items()]
        return {"$dict": pairs}

    def _named(self, tensor: torch.Tensor, entry: "torch.Tensor | Sharded", path: tuple[str, ...]) -> str:
        if tensor.layout is not torch.strided or tensor.device.type == "meta" or tensor.is_quantized:
            raise ValueError(f"{'.'.join(path)}: only dense tensors with memory are saved, not {_kind(tensor)}")
        seen = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride())
        key = (*seen, tensor.dtype, tensor.device, isinstance(entry, Sharded))
        if tensor.numel() and key in self.names:
            return self.names[key]
        name = ".".join(path)
        while name in self.found:
            name += "'"
        self.found[name] = entry
        self.names[key] = name
        return name


def unpack(value: Any, tensor: Callable[[str], Any]) -> Any:
    """Return the state of a value that `pack` made; `tensor` gives the tensor of a name."""
    if isinstance(value, list):
        return [unpack(item, tensor) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next((tag for tag in TAGS if tag in value), "")
    if not tag:
        return {key: unpack(item, tensor) for key, item in value.items()}
    inner = value[tag]
    if tag in ("$tensor", "$sharded"):
        return tensor(inner)
    if tag == "$array":
        return tensor(inner).numpy()
    if tag == "$tuple":
        return tuple(unpack(item, tensor) for item in inner)
    if tag == "$dict":
        return {unpack(key, tensor): unpack(item, tensor) for key, item in inner}
    return base64.b64decode(inner, validate=True) if tag == "$bytes" else float(inner)


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    """Return a value without parts; floats keep every bit, for Python writes the shortest text that reads the same."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(
        f"{'.'.join(path)}: a {type(value).__name__} cannot be saved; tensors, arrays, numbers, text, bytes, lists, "
        "tuples and dicts can, and at the top of a state objects with state_dict and load_state_dict"
    )


def _whole(array: np.ndarray[Any, Any], path: tuple[str, ...]) -> torch.Tensor:
    """Return a tensor with the numbers of an array, in the machine's order of bytes."""
    dense = np.require(array, array.dtype.newbyteorder("="), ["C", "W"])
    try:
        return torch.from_numpy(dense)
    except TypeError:
        raise ValueError(
            f"{'.'.join(path)}: an array of {array.dtype} cannot be saved; arrays of numbers can"
        ) from None


def _kind(tensor: torch.Tensor) -> str:
    return f"{tensor.layout} on {tensor.device}{', quantized' if tensor.is_quantized else ''}"
