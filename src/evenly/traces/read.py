"""Read a request trace in any public format, recognised by its content."""

import gzip
import tempfile
import zlib
from difflib import get_close_matches
from pathlib import Path

from evenly.core import Trace
from evenly.traces.formats import Format, formats
from evenly.traces.formats._columns import csv_names
from evenly.traces.formats._head import head as first_lines
from evenly.traces.formats._json import keys

CLOSE = 0.8  # likeness from which one name may be meant by another
HALF = 0.5  # share of a format's names that a file must have for the format to be suggested
SHOWN = 120  # characters of a line that a message quotes
PIECE = 1 << 22  # bytes decompressed at a time
PATTERN = frozenset("*?[]")  # duckdb would take such a path for a pattern of many
MAGIC = {
    b"PAR1": "a parquet file; export it as CSV or JSON lines",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"BZh": "compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "compressed by xz; unpack it first",
    b"(\xb5/\xfd": "compressed by zstd; unpack it first",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


def read(path: str | Path, form: Format | None = None) -> Trace:
    """Return the requests of a trace file, plain or gzip, in order of arrival.

    `form` names the format where detection is to be bypassed or a unit overridden. Raises `ValueError` that names file,
    line, field, value and remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file" if not path.exists() else f"{path}: not a file; name one trace")
    with path.open("rb") as file:
        start = file.read(6)
    if not start:
        raise ValueError(f"{path}: the file is empty")
    for magic, what in MAGIC.items():
        if start.startswith(magic):
            raise ValueError(f"{path}: {what}")
    packed = start.startswith(b"\x1f\x8b")
    if not packed and not PATTERN & set(str(path)):
        return _read(path, form)
    with tempfile.TemporaryDirectory(prefix="evenly-") as folder:
        plain = Path(folder) / "".join(letter for letter in path.name.removesuffix(".gz") if letter not in PATTERN)
        if packed:
            _unpack(path, plain)
        else:
            plain.symlink_to(path.resolve())
        try:
            return _read(plain, form)
        except ValueError as error:
            raise ValueError(str(error).replace(str(plain), str(path))) from None


def detect(path: Path) -> str:
    """Return the name of the format of an unpacked file.

    Raises `ValueError` if no format or more than one fits.
    """
    head = _text(path, first_lines(path))
    found = [name for name in formats if formats[name]().match(head)]
    if len(found) == 1:
        return found[0]
    first = next((line.strip() for line in head.splitlines() if line.strip()), "")
    shown = first if len(first) <= SHOWN else first[:SHOWN] + "..."
    if found:
        raise ValueError(f"{path}:1: the first line {shown!r} fits {' and '.join(found)}; name the format")
    if first.startswith("["):
        raise ValueError(f"{path}:1: a JSON array; write one object a line (jq -c '.[]' FILE)")
    if first == "{":
        raise ValueError(f"{path}:1: a JSON object over several lines; write one object a line (jq -c . FILE)")
    raise ValueError(f"{path}:1: the first line {shown!r} is no request trace that evenly knows; {_nearest(head)}")


def _nearest(head: str) -> str:
    """Return which format the names in a file come closest to and what it lacks, or the names of all formats."""
    names = keys(head) or set(csv_names(head))
    best, fitting, lacking = "", 0.0, list[str]()
    for name in formats:
        for needs in formats[name].needs:
            missing = [need for need in needs if need not in names]
            far = [need for need in missing if not get_close_matches(need, names - set(needs), 1, CLOSE)]
            fit = (len(needs) - 0.1 * (len(missing) - len(far)) - len(far)) / len(needs)
            if fit > fitting:
                best, fitting, lacking = name, fit, missing
    if fitting < HALF or not lacking:
        return f"known formats: {', '.join(formats)}"
    told = []
    for need in lacking:
        near = get_close_matches(need, sorted(names), 1, CLOSE)
        told.append(f"'{need}' (did you mean it by '{near[0]}'?)" if near else f"'{need}'")
    return f"the closest format, {best}, also needs {', '.join(told)}"


def _read(path: Path, form: Format | None) -> Trace:
    return (form or formats[detect(path)]()).read(path)


def _text(path: Path, raw: bytes) -> str:
    if not raw.strip():
        raise ValueError(f"{path}: the file is empty")
    try:
        head = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
    if "\0" in head:
        line = head[: head.index("\0")].count("\n") + 1
        raise ValueError(f"{path}:{line}: holds NUL bytes; the file is damaged or not text")
    return head


def _unpack(path: Path, plain: Path) -> None:
    try:
        with gzip.open(path) as packed, plain.open("wb") as file:
            while piece := packed.read(PIECE):
                file.write(piece)
    except EOFError:
        raise ValueError(f"{path}: the gzip data end early; the file was cut off, fetch it again") from None
    except (OSError, zlib.error) as error:
        raise ValueError(f"{path}: broken gzip data ({error}); fetch the file again") from None
