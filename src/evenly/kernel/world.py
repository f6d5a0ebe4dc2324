"""Many arrays behind one pointer.

A compiled loop that works on thirty arrays would pass each of them, with shape and strides, to every helper: two
hundred scalars a call, and minutes of compile time. A `World` passes one pointer to a table of addresses and shapes;
`world.name` in compiled code loads the array from it.
"""

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import as_dtype

from evenly.core import Array

ROW = 4  # numbers kept for an array: address and three lengths
_WORD = ir.IntType(64)


class WorldType(types.Type):  # type: ignore[misc]
    """The numba type of a world: a name, and the array type of each field."""

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        super().__init__(name=f"World({name})")
        self.fields = dict(fields)
        self.place = {field: place for place, field in enumerate(self.fields)}
        self.dtypes = {field: as_dtype(array.dtype) for field, array in self.fields.items()}


class World:
    """Named arrays for compiled code; they must stay where they are while it runs.

    Raises `ValueError` if an array is missing, unknown, or of another type than its field.
    """

    def __init__(self, kind: WorldType, arrays: Mapping[str, Array]) -> None:
        if set(arrays) != set(kind.fields):
            raise ValueError(f"{kind.name} has other fields: {sorted(set(arrays) ^ set(kind.fields))}")
        self.kind = kind
        rows = []
        for name, expected in kind.fields.items():
            array = arrays[name]
            if (
                array.dtype != kind.dtypes[name]
                or array.ndim != expected.ndim
                or not array.flags.c_contiguous
                or not array.flags.writeable
            ):
                raise ValueError(f"{name} is {array.dtype}[{array.ndim}], not a contiguous {expected}")
            rows += [array.ctypes.data, *array.shape, *([0] * (ROW - 1 - array.ndim))]
            setattr(self, name, array)
        self._table = np.array(rows, np.int64)
        self.address = int(self._table.ctypes.data)

    def __getattr__(self, name: str) -> Array:
        raise AttributeError(name)


@typeof_impl.register(World)  # type: ignore[untyped-decorator]
def _typeof(world: World, _: Any) -> WorldType:
    return world.kind


@register_model(WorldType)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: WorldType) -> None:
        super().__init__(manager, kind, _WORD.as_pointer())


@unbox(WorldType)  # type: ignore[untyped-decorator]
def _unbox(kind: WorldType, value: Any, c: Any) -> Any:
    address = c.pyapi.object_getattr_string(value, "address")
    number = c.pyapi.long_as_longlong(address)
    c.pyapi.decref(address)
    return NativeValue(c.builder.inttoptr(number, _WORD.as_pointer()))


@infer_getattr
class _Attributes(AttributeTemplate):  # type: ignore[misc]
    key = WorldType

    def generic_resolve(self, kind: WorldType, name: str) -> Any:
        return kind.fields.get(name)


@lower_getattr_generic(WorldType)  # type: ignore[untyped-decorator]
def _load(context: Any, builder: Any, kind: WorldType, table: Any, name: str) -> Any:
    array_type = kind.fields[name]
    row = ROW * kind.place[name]

    def number(column: int) -> Any:
        return builder.load(builder.gep(table, [ir.Constant(_WORD, row + column)]))

    size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
    shape = [number(1 + axis) for axis in range(array_type.ndim)]
    strides: list[Any] = []
    stride = size
    for length in reversed(shape):
        strides.insert(0, stride)
        stride = builder.mul(stride, length)
    array = make_array(array_type)(context, builder)
    populate_array(
        array,
        data=builder.inttoptr(number(0), context.get_data_type(array_type.dtype).as_pointer()),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides),
        itemsize=size,
        meminfo=None,
    )
    return array._getvalue()


def records(dtype: Any) -> Any:
    """Return the numba type of a one-dimensional array of records."""
    return types.Array(numba.from_dtype(dtype), 1, "C")
