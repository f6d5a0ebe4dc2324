"""Call a C function at an address from compiled code: what trampolines to plain-Python hooks are made of."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def caller(result: Any, scalars: tuple[Any, ...]) -> Any:
    """Return a compiled function that calls the address it is given with these scalars, and returns its result."""

    def call(typing_context: Any, address: Any, arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer, packed = values
            kind = ir.FunctionType(context.get_value_type(result), [context.get_value_type(s) for s in scalars])
            function = builder.inttoptr(pointer, kind.as_pointer())
            return builder.call(function, cgutils.unpack_tuple(builder, packed, len(scalars)))

        return result(types.int64, types.Tuple(scalars)), generate

    return intrinsic(call)
