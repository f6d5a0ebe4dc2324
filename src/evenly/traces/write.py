"""Write a trace to a file of a public format."""

import os
import warnings
from pathlib import Path

from evenly.core import Trace
from evenly.traces.writers import Writer, writers


def write(trace: Trace, path: str | Path, form: str | Writer = "mooncake") -> None:
    """Write a trace; the file appears whole or not at all.

    Warns of columns that the format cannot hold. Raises `ValueError` for an empty trace, an unknown format, or a place
    that cannot be written.
    """
    path = Path(path)
    if len(trace) == 0:
        raise ValueError(f"{path}: the trace holds no request")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a file")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: no folder '{path.parent}'; make it first")
    writer = writers[form]() if isinstance(form, str) else form
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        lost = writer.save(trace, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    if lost:
        warnings.warn(f"{path}: {writers.name_of(writer)} cannot hold {', '.join(lost)}; left out", stacklevel=2)
