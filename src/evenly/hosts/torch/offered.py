"""What a part offers, imported when it is asked for: nothing else of evenly needs torch."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any


def offered(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that finds each name in the file of `places`.

    It raises `ImportError` that names the extra where torch is missing.
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if importlib.util.find_spec("torch") is None:
            raise ImportError(f"{name} computes in torch, which needs the extra: pip install 'evenly[torch]'")
        return getattr(importlib.import_module(f"{package}.{places[name]}"), name)

    return find
