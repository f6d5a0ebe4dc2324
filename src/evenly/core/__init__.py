"""The nouns that every part of evenly shares."""

from evenly.core.catalog import Catalog, catalog_of
from evenly.core.document import Document
from evenly.core.load import Load
from evenly.core.outcome import Metric, Outcome
from evenly.core.scenario import Scenario
from evenly.core.trace import Prefixes, Trace
from evenly.core.types import Array, Bools, FilePath, Floats, Ints

__all__ = [
    "Array",
    "Bools",
    "Catalog",
    "Document",
    "FilePath",
    "Floats",
    "Ints",
    "Load",
    "Metric",
    "Outcome",
    "Prefixes",
    "Scenario",
    "Trace",
    "catalog_of",
]
