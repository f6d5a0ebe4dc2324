"""Compile helpers only as far as their caller needs.

numba optimises every jitted function, links everything that it calls into it, and turns it into machine code, although
a helper's code is used only where a loop inlines it. A kernel of a hundred helpers spends more than half of its compile
time on that. Helpers of this pipeline stop at unoptimised LLVM code of their own; the loop that calls them links each
of them once, whoever calls it, and is optimised as a whole.

They are also plain functions on numbers and arrays, so their way to LLVM is short: no pass for closures, contexts,
literals or array expressions.
"""

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

from numba.core import typed_passes, types, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager

SHORT_WAY = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)
"""Passes of numba's default pipeline that a helper needs, in order."""


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

    def finalize(self) -> None:
        """Leave linking, optimising and machine code to the loop."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True

    def _optimize_functions(self, module: Any) -> None:
        """Leave it to the loop."""


class _LoopLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that runs, with that of all helpers that it calls and that they call."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        """Link every helper once, then optimise."""
        left, found = list(self._linking_libraries), []
        while left:
            library = left.pop()
            if library not in found:
                found.append(library)
                left += library._linking_libraries if isinstance(library, _LinkedLibrary) else []
        self._linking_libraries = found
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Optimise in one round, for branches: there are no references to prune and no long loops to vectorise."""
        passes, builder = self._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False)
        passes.run(self._final_module, builder)


class LoopCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler with a `_LoopLibrary` as its target."""

    def compile_extra(self, function: Any) -> Any:
        """Compile `function` into a library of our kind, which numba may keep on disk."""
        self.state.library = _LoopLibrary(self.state.targetctx.codegen(), function.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(function)


_SIGNATURES: dict[Any, Any] = {}


@contextlib.contextmanager
def signatures_remembered() -> Iterator[None]:
    """Let numba search once for what a function of its own returns for the same types; its search is long.

    It searches as it infers the types of a call, and again as it lowers that call. One thread at a time.
    """
    functions: Any = types.Function
    search = functions.get_call_type

    def look_up(function: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return search(function, context, args, kws)
        call = function, tuple(args)
        if call not in _SIGNATURES:
            _SIGNATURES[call] = search(function, context, args, kws)
        return _SIGNATURES[call]

    functions.get_call_type = look_up
    try:
        yield
    finally:
        functions.get_call_type = search


class LinkedCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler, the short way, with a `_LinkedLibrary` as its target."""

    def define_pipelines(self) -> list[Any]:
        """Return the one list of passes."""
        way = PassManager("helper")
        for step in SHORT_WAY:
            way.add_pass(step, step.__name__)
        way.finalize()
        return [way]

    def compile_extra(self, function: Any) -> Any:
        """Compile `function` into a library of our kind."""
        self.state.library = _LinkedLibrary(self.state.targetctx.codegen(), function.__qualname__)
        return super().compile_extra(function)
