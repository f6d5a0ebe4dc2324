"""Read a trace file, whatever its format."""

from pathlib import Path

from evenly.core import Trace
from evenly.traces import tables
from evenly.traces.formats import Format, formats


def read(path: str | Path) -> Trace:
    """Return the trace in a file, plain or gzipped; its format is recognised by content.

    Raises `ValueError` if the file cannot be read, is in no known format, or holds a wrong value (with its line).
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name one trace file")
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    return format_of(path).read(path)


def format_of(path: Path) -> Format:
    """Return the format of a file; raise `ValueError` if there is none that fits."""
    head = tables.head(path)
    for name in formats:
        reader = formats[name]()
        if reader.match(head):
            return reader
    first = head.splitlines()[0][:120]
    raise ValueError(
        f"{path}: no known trace format; its first line is '{first}'. Known: {', '.join(formats)}; "
        "see the documentation of traces for their columns"
    )
