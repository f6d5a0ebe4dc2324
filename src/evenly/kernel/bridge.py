"""Let one policy object decide in compiled loops, whether it is compiled itself or plain Python.

A verb that is a `@staticmethod` is compiled with the signature of its room. A verb with `self` stays Python: the loop
reaches it through a C pointer, at a few tenths of a microsecond a call. Python sees the same arrays as compiled code,
as numpy arrays. An exception in it is kept and raised again when the loop returns.
"""

import ctypes
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.kernel.compiling import own_cache


@dataclass(slots=True)
class Failures:
    """Exceptions raised by plain-Python hooks inside a compiled loop."""

    first: BaseException | None = None
    kept: list[Any] = field(default_factory=list)
    "C callbacks, kept alive as long as the run."

    def check(self) -> None:
        """Raise the first exception that a hook raised."""
        if self.first is not None:
            raise self.first


def is_compiled(plugin: object, verb: str) -> bool:
    """Tell whether a plug-in's verb is static, hence compiled."""
    kind: Any = type(plugin)
    return _is_static(kind, verb)


@cache
def _is_static(kind: type, verb: str) -> bool:
    return isinstance(inspect.getattr_static(kind, verb), staticmethod)


def compiled(plugin: object, verb: str, kind: Any) -> Any:
    """Compile a static verb for the function type `kind`; cached in this process, and on disk after its own file.

    Raises `ValueError` that names the line if the verb is not compilable.
    """
    return _compile(getattr(type(plugin), verb), f"{type(plugin).__name__}.{verb}", kind)


@cache  # to load compiled code from disk takes milliseconds, longer than a short run
def _compile(function: Callable[..., Any], name: str, kind: Any) -> Any:
    import numba
    from numba.core.errors import NumbaError

    with own_cache():
        try:
            return numba.njit(kind.signature, cache=True, error_model="numpy")(function)
        except (NumbaError, NotImplementedError) as error:  # numba lets the second through as it is
            raise ValueError(_explain(name, function, error)) from None
        except RuntimeError:  # no file to cache next to: a class typed at a prompt
            return numba.njit(kind.signature, error_model="numpy")(function)


def address(function: Any, kind: Any) -> int:
    """Return where a compiled function of the type `kind` stands, for `calling.caller`."""
    made = function.get_compile_result(kind.signature)
    return int(made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name))


def first_class(function: Any, kind: Any) -> Any:
    """Return a compiled function as a value that a loop takes in a quarter of the time it needs for `function` itself.

    For loops that are called often and ask seldom; `kind` is its function type.
    """
    from numba.types import WrapperAddressProtocol

    place = address(function, kind)

    class Address(WrapperAddressProtocol):  # type: ignore[misc]
        def __wrapper_address__(self) -> int:
            return place

        def signature(self) -> Any:
            return kind.signature

    return Address()


def _explain(name: str, function: Callable[..., Any], error: Exception) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip() and not line.startswith("Failed in")]
    where = re.findall(r'File "[^"]*", line (\d+)', plain)
    place = f"{inspect.getsourcefile(function)}:{where[-1] if where else function.__code__.co_firstlineno}"
    what = lines[0] if lines else type(error).__name__
    return (
        f"{place}: {name} does not compile: {what}. A static method is compiled by numba; give it `self` as "
        "first parameter to run it as plain Python"
    )


def memory_of(plugin: object, seed: int, replicas: int) -> Floats:
    """Return what a verb finds in `memory`.

    That is the result of the plug-in's own `memory(seed, replicas)`, if it has such a method, else its numeric fields
    in order.
    """
    make = getattr(plugin, "memory", None)
    if make is not None:
        return np.ascontiguousarray(make(seed, replicas), np.float64)
    assert is_dataclass(plugin)
    values = [getattr(plugin, f.name) for f in fields(plugin)]
    return np.array([float(v) for v in values if isinstance(v, int | float)], np.float64)


def python_hook(
    verb: Callable[..., Any], shared: tuple[Any, ...], result: Any, scalars: tuple[Any, ...], failures: Failures
) -> Floats:
    """Wrap a bound method as a C callback; return the memory that its trampoline reads the address from.

    `shared` are the arrays that the method gets after the scalars.
    """

    def call(*values: Any) -> Any:
        try:
            return _number(verb(*values, *shared), verb, result)
        except BaseException as error:  # must not cross the C frame
            failures.first = failures.first or error
            return result(0)

    c_types: dict[Any, Any] = {int: ctypes.c_int64, float: ctypes.c_double}
    callback = ctypes.CFUNCTYPE(c_types[result], *(c_types[kind] for kind in scalars))(call)
    failures.kept.append(callback)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    return np.array([float(address)], np.float64)  # user-space addresses have fewer than 53 bits


def _number(value: Any, verb: Callable[..., Any], kind: type[int] | type[float]) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        place = f"{inspect.getsourcefile(verb)}:{verb.__code__.co_firstlineno}"
        raise ValueError(f"{place}: {verb.__qualname__} must return a number, not {value!r}") from None


def python_cost(seconds: Callable[..., tuple[float, float, float]], tables: Floats, failures: Failures) -> Floats:
    """Wrap a plain-Python cost model; return the memory that its trampoline reads the address and the answer from."""
    memory = np.zeros(4)

    def call(chunk: int, before: int, count: int, decodes: int, resident: float, longest: int) -> int:
        def ints(address: int) -> Ints:
            if count == 0:
                return np.empty(0, np.int64)
            pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_int64))
            return np.array(np.ctypeslib.as_array(pointer, (count,)))

        memory[1:] = seconds(ints(chunk), ints(before), decodes, resident, longest, tables)
        return 0

    memory[0] = python_hook(call, (), int, (int, int, int, int, float, int), failures)[0]
    return memory
