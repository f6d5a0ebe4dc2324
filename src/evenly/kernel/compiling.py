"""Compile once, cache for later processes, and never run stale code.

numba's disk cache watches only the file of the function it caches. A loop that calls functions of other files would
go stale when those change. The cache folder is therefore named after a digest of every file of this package: a
change anywhere starts a new folder.
"""

import contextlib
import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from evenly.core.files import cache_root

F = TypeVar("F", bound=Callable[..., Any])
_LOCK = threading.RLock()


@cache
def cache_folder() -> Path:
    """Return the folder of compiled code for this version of the kernel files."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return cache_root() / f"numba-{digest.hexdigest()[:16]}"


@contextlib.contextmanager
def own_cache() -> Iterator[None]:
    """Let numba keep what is compiled inside in `cache_folder`; its setting is global, so one thread at a time.

    Python's garbage collector rests meanwhile: walking what a compile builds up takes a tenth of its time.
    """
    from numba.core import config

    from evenly.kernel.linking import signatures_remembered

    with _LOCK:
        before, collecting = config.CACHE_DIR, gc.isenabled()
        config.CACHE_DIR = str(cache_folder())
        gc.disable()
        try:
            with signatures_remembered():
                yield
        finally:
            config.CACHE_DIR = before
            if collecting:
                gc.enable()


def helper(function: F) -> F:
    """Compile a function that only loops call.

    It takes no part in reference counting (`_nrt=False`) and gets no entry from Python: both double the compile time.
    """
    import numba

    from evenly.kernel.linking import LinkedCompiler

    made: F = numba.njit(
        _nrt=False,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        no_rewrites=True,  # of array expressions, which helpers have none of
        error_model="numpy",
        pipeline_class=LinkedCompiler,
    )(function)
    _compile_once(made)
    return made


def _compile_once(helper: Any) -> None:
    """Let a compiled function see neither constants nor narrow integers in its arguments.

    numba would compile it again for a 0, a True and a 32-bit integer, and cast what is handed over by itself.
    """
    from numba.core import types
    from numba.core.types.misc import unliteral

    ask = helper.get_call_template

    def wide(kind: Any) -> Any:
        kind = unliteral(kind)
        return types.int64 if kind in types.signed_domain else kind

    def template(args: Any, kws: Any) -> Any:
        return ask(tuple(wide(arg) for arg in args), {name: wide(arg) for name, arg in kws.items()})

    helper.get_call_template = template


def loop(signature: Any) -> Callable[[F], F]:
    """Compile a function now, for exactly this signature, and keep it on disk."""

    def compile_(function: F) -> F:
        import numba

        from evenly.kernel.linking import LoopCompiler

        with own_cache():
            made: F = numba.njit(signature, cache=True, _nrt=False, error_model="numpy", pipeline_class=LoopCompiler)(
                function
            )
        return made

    return compile_


def entry(compiled: Any) -> Callable[..., Any]:
    """Return the code of a loop, which Python calls without a look at the types of what it hands over.

    That look takes 50 us where a function is handed over. The types must be those of the loop's signature.
    """
    (made,) = compiled.overloads.values()
    code: Callable[..., Any] = made.entry_point
    return code
