"""Call C functions from compiled code by their address: hooks in plain Python, and verbs that are compiled apart."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def caller(result: Any, given: tuple[Any, ...]) -> Any:
    """Return what calls a C function of this result and these arguments at an address."""

    def call(typing_context: Any, address: Any, arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer, packed = values
            kind = ir.FunctionType(context.get_value_type(result), [context.get_value_type(one) for one in given])
            function = builder.inttoptr(pointer, kind.as_pointer())
            return builder.call(function, cgutils.unpack_tuple(builder, packed, len(given)))

        return result(types.int64, types.Tuple(given)), generate

    return intrinsic(call)
