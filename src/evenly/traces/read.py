"""Read a request trace in any public format, recognised by its content."""

import gzip
import tempfile
import zlib
from pathlib import Path

from evenly.core import Trace
from evenly.traces.formats import Format, formats

HEAD = 1 << 18  # bytes that detection looks at
PIECE = 1 << 22  # bytes decompressed at a time
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
    if not start.startswith(b"\x1f\x8b"):
        return _read(path, form)
    with tempfile.TemporaryDirectory(prefix="evenly-") as folder:
        plain = Path(folder) / path.name.removesuffix(".gz")
        _unpack(path, plain)
        try:
            return _read(plain, form)
        except ValueError as error:
            raise ValueError(str(error).replace(str(plain), str(path))) from None


def detect(path: Path) -> str:
    """Return the name of the format of an unpacked file.

    Raises `ValueError` if no format or more than one fits.
    """
    with path.open("rb") as file:
        raw = file.read(HEAD)
    head = _text(path, raw)
    found = [name for name in formats if formats[name]().match(head)]
    if len(found) == 1:
        return found[0]
    first = head.splitlines()[0].strip() if head.strip() else ""
    shown = first if len(first) <= 120 else first[:120] + "..."
    if found:
        raise ValueError(f"{path}:1: the first line {shown!r} fits {' and '.join(found)}; name the format")
    known = ", ".join(formats)
    raise ValueError(
        f"{path}:1: the first line {shown!r} is no request trace that evenly knows; known formats: {known}"
    )


def _read(path: Path, form: Format | None) -> Trace:
    return (form or formats[detect(path)]()).read(path)


def _text(path: Path, raw: bytes) -> str:
    if not raw.strip():
        raise ValueError(f"{path}: the file is empty")
    cut = raw.rfind(b"\n") + 1 if len(raw) == HEAD else len(raw)
    try:
        head = raw[: cut or len(raw)].decode("utf-8-sig")
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
