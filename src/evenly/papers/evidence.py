"""What a published system claims, read strictly from its YAML file."""

import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from evenly.core.document import Document
from evenly.core.meant import meant

HERE = Path(__file__).parent

Measure = Callable[..., float | Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Claim:
    """One published figure, the band we accept for ours, and the function that measures it."""

    setting: str
    "Model, hardware and workload that the figure holds for."
    metric: str
    "What is measured."
    low: float
    "Least value that counts as reproduced; `-.inf` for none."
    high: float
    "Greatest value that counts as reproduced; `.inf` for none."
    source: str
    "Where the figure stands: paper, section, table, figure, thread."
    measure: str
    "Name of the function beside the YAML file."
    unit: str = ""
    "Unit of paper, low and high: `s`, `req/s`, `x` for a ratio, `%`; empty for a pure number."
    paper: float | None = None
    "Published value; null where the source states an order or a band only."
    key: str = ""
    "Key of this figure where the function returns a mapping."
    measured: bool = False
    "Whether ours is a time measured here, so that it differs from machine to machine."
    elapsed: bool = False
    "Whether that is elapsed time, or hangs on it: other work on the machine moves it, so tests leave its band alone."
    known_miss: str = ""
    "Why ours lies outside the band, where we know that it does."

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise ValueError(f"a band runs from low to high, not from {self.low:g} to {self.high:g}")
        for name in ("setting", "metric", "source", "measure"):
            if not getattr(self, name).strip():
                raise ValueError(f"'{name}' is empty; a claim states it")

    def holds(self, value: float) -> bool:
        """Return whether `value` lies in the accepted band; NaN never does."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Paper:
    """A published system and what it claims."""

    title: str
    authors: str
    year: int
    link: str
    "Address of the paper, report or source that the claims come from."
    about: str
    "What the system does and what evenly shows of it, for the catalogue."
    licence: str
    "Licence of the data that the claims need, or why they need none."
    claims: tuple[Claim, ...]
    hosts: tuple[str, ...] = ("simulator",)
    "Where the policies of the system run."
    scenario: str = ""
    "Name of the gallery scenario that shows the system."
    plugins: tuple[str, ...] = ()
    "Modules of the plug-ins that this system is made of."
    name: str = ""
    "Name of the file; filled in by `read`."
    path: str = field(default="", compare=False)
    "Place of the file; filled in by `read`."

    def __post_init__(self) -> None:
        if not self.claims:
            raise ValueError("a paper has at least one claim")
        if not self.link.startswith("https://"):
            raise ValueError(f"link is an https address, not '{self.link}'")


def names() -> list[str]:
    """Return the names of all published systems that carry evidence, sorted.

    >>> "fastgen" in names()
    True
    """
    return sorted(path.stem.replace("_", "-") for path in HERE.glob("*.yaml"))


def read(name: str) -> Paper:
    """Return the paper of that name, or of the YAML file at that path.

    Raises `ValueError` that lists every mistake in the file, or suggests a name.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else HERE / f"{name.replace('-', '_')}.yaml"
    if not path.is_file():
        raise ValueError(f"no paper '{name}'; {meant(name, names())}")
    document = Document.read(path)
    for own in ("name", "path"):
        if own in document.raw:
            raise ValueError(f"{document.place((own,))}: '{own}' follows from the name of the file; remove it @ {own}")
    paper = document.structure(Paper)
    known = {f.name: getattr(paper, f.name) for f in fields(Paper)}
    paper = Paper(**known | {"name": path.stem.replace("_", "-"), "path": str(path)})
    _check_measures(paper, document)
    return paper


def measure_of(paper: Paper, name: str) -> Measure:
    """Return the function `name` from the Python file beside the paper's YAML file."""
    return measure_beside(paper.path, name)


def measure_beside(path: str, name: str) -> Measure:
    """Return the function `name` from the Python file beside the YAML file at `path`, which is not read."""
    found: Any = getattr(_module(Path(path)), name, None)
    if not callable(found):
        raise ValueError(f"no function '{name}' in {Path(path).with_suffix('.py').name}")
    measure: Measure = found
    return measure


def takes_seed(measure: Measure) -> bool:
    """Return whether a measure depends on chance; one without parameters is computed once."""
    return bool(inspect.signature(measure).parameters)


def _check_measures(paper: Paper, document: Document) -> None:
    mistakes = []
    for index, claim in enumerate(paper.claims):
        try:
            measure_of(paper, claim.measure)
        except ValueError as error:
            place = document.place(("claims", index, "measure"))
            mistakes.append(f"{place}: {error} @ claims[{index}].measure")
    if mistakes:
        raise ValueError("\n".join(mistakes))


def _module(path: Path) -> ModuleType:
    if path.parent == HERE:
        return importlib.import_module(f"evenly.papers.{path.stem}")
    code = path.with_suffix(".py").resolve()
    name = f"evenly_paper_{path.stem}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(code):
        return sys.modules[name]
    if not code.is_file():
        raise ValueError(f"no file '{code.name}' beside '{path}'; it holds the functions that measure the claims")
    spec = importlib.util.spec_from_file_location(name, code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
