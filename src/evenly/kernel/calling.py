"""Call plain-Python hooks from compiled code: through the address that stands first in their memory."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def caller(result: Any, scalars: tuple[Any, ...]) -> Any:
    """Return what calls a C function of this result and these arguments at an address."""

    def call(typing_context: Any, address: Any, arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer, packed = values
            kind = ir.FunctionType(context.get_value_type(result), [context.get_value_type(s) for s in scalars])
            function = builder.inttoptr(pointer, kind.as_pointer())
            return builder.call(function, cgutils.unpack_tuple(builder, packed, len(scalars)))

        return result(types.int64, types.Tuple(scalars)), generate

    return intrinsic(call)
