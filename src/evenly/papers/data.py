"""Public data sets that claims need: found, never fetched."""

import os
from pathlib import Path

import evenly
from evenly.papers.reproduce import Skipped

FOLDER = "EVENLY_DATA"
"Environment variable that names the folder of public data sets."
BESIDE = Path(evenly.__file__).parents[3] / "shared" / "data"  # beside a source tree, as the tests look for it too


def public(file: str, origin: str) -> Path:
    """Return the path of a public file, plain or gzipped, anywhere in the folder of data sets.

    Raises `Skipped` that names the file, where it comes from, and the variable to set.
    """
    folder = Path(os.environ.get(FOLDER, BESIDE))
    found = sorted(path for name in (file, f"{file}.gz") for path in folder.rglob(name)) if folder.is_dir() else []
    if not found:
        raise Skipped(f"needs {file} from {origin}; put it into a folder and set {FOLDER} to that folder")
    return found[0]


def public_folder(name: str, origin: str) -> Path:
    """Return a public folder, `name` being its last parts, anywhere in the folder of data sets.

    Raises `Skipped` that names the folder, where it comes from, and the variable to set.
    """
    folder = Path(os.environ.get(FOLDER, BESIDE))
    found = sorted(path for path in folder.glob(f"**/{name}") if path.is_dir()) if folder.is_dir() else []
    if not found:
        raise Skipped(f"needs the folder {name} from {origin}; put it into a folder and set {FOLDER} to that folder")
    return found[0]
