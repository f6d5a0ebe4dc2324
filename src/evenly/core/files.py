"""Python files of the user's own, imported under names that tell them apart, and the folder of caches."""

import hashlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

USER_MODULE = "evenly_user_"
"Beginning of the module names of plug-ins in files of the user's own."


def cache_root() -> Path:
    """Return the folder of what can be found again: `EVENLY_CACHE`, by default `evenly` in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "evenly"
    return Path(os.environ.get("EVENLY_CACHE", default))


def import_file(path: Path) -> ModuleType:
    """Import a Python file; the same file is imported once, a changed one again.

    The name of the module ends in a digest of place and content, so that files of one name do not replace each other.
    Raises `ValueError` that names file, line and what went wrong.
    """
    place = path.resolve()
    digest = hashlib.sha256(str(place).encode() + b"\0" + place.read_bytes()).hexdigest()[:12]
    name = f"{USER_MODULE}{place.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(explain(error, place) or f"{place}: {type(error).__name__}: {error}") from error
    return module


def explain(error: BaseException, place: Path | None = None) -> str:
    """Return `file:line: Error: text` for the innermost line of a user's file, any or the one at `place`.

    Empty if the error was not raised in one.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    users = {str(place)} if place else {m.__file__ for n, m in list(sys.modules.items()) if n.startswith(USER_MODULE)}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in users]
    if not frames:
        return ""
    inside = "" if frames[-1].name == "<module>" else f" in {frames[-1].name}"
    return f"{frames[-1].filename}:{frames[-1].lineno}{inside}: {type(error).__name__}: {error}"
