"""Compile helpers only as far as their caller needs.

numba optimises every jitted function and turns it into machine code, although a helper's code is used only where a
loop inlines it. A kernel of a hundred helpers spends more than half of its compile time on that. Helpers of this
pipeline stop at unoptimised LLVM code; the loop that links them is optimised as a whole.
"""

import ctypes
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _NoEnvironment:
    """Stands for the code generator where numba asks it to set a function's Python environment: helpers have none."""

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


@ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)  # type: ignore[untyped-decorator]
def _refuse(*_: Any) -> Any:
    raise TypeError("a helper of a compiled loop cannot be called from Python; wrap it with compiling.loop")


class _LinkedLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that is linked into its callers and never runs by itself."""

    @property
    def codegen(self) -> Any:
        """Return what sets environments."""
        return _NoEnvironment()

    def get_pointer_to_function(self, name: str) -> int:
        """Return what refuses calls from Python: this code is not executable by itself."""
        self._ensure_finalized()
        return int(ctypes.cast(_refuse, ctypes.c_void_p).value or 0)

    def _optimize_functions(self, module: Any) -> None:
        """Leave it to the caller."""

    def _optimize_final_module(self) -> None:
        """Leave it to the caller."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class LinkedCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler with a `_LinkedLibrary` as its target."""

    def compile_extra(self, function: Any) -> Any:
        """Compile `function` into a library of our kind."""
        self.state.library = _LinkedLibrary(self.state.targetctx.codegen(), function.__qualname__)
        return super().compile_extra(function)
