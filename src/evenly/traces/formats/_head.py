"""The beginning of a file, from which its format is told."""

from pathlib import Path

HEAD = 1 << 18  # bytes; more only where the first line is longer
LINE_LIMIT = 1 << 28  # bytes of one line


def head(path: Path) -> bytes:
    """Return whole lines from the beginning of a file, at least the first one; all of a short file."""
    with path.open("rb") as file:
        raw = file.read(HEAD)
        if len(raw) < HEAD:
            return raw
        cut = raw.rfind(b"\n") + 1
        return raw[:cut] if cut else raw + file.readline(LINE_LIMIT - HEAD)
