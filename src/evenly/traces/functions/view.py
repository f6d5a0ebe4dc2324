"""Files of a table to a table in the database: what is asked for, and checked on the way."""

from collections.abc import Collection, Sequence
from typing import Any

from evenly.traces.formats._columns import duck_error, quoted
from evenly.traces.functions import schema
from evenly.traces.functions.files import Found, fault, source

STEM = "left(podID, length(podID) - instr(reverse(podID), '-'))"
"A pod's name without its number: pool - millicores - MB, as SQL. Few pods differ in it, so that patterns look at few."
SIZE, POOL = "regexp_extract(stem, '([0-9]+-[0-9]+)$', 1)", "regexp_replace(stem, '-[0-9]+-[0-9]+$', '')"
KNOWN = "regexp_replace(funcID, '-[0-9]+-[0-9]+$', '')"
"The name of a function in its table; the pool in it may be named with the size of its pods, or without."


def view(base: Any, one: Found, wanted: Sequence[str], hashed: Collection[str] = ()) -> None:
    """Read columns of a table, each file once; of names in `hashed` only 64 bits are kept.

    Raises `ValueError` for the first line of a file with a time that is missing or negative, or that does not fit.
    """
    columns = ", ".join(f"{_column(name, one.table, hashed)} AS {quoted(name)}" for name in wanted)
    for k, path in enumerate(one.files):
        selected = f"SELECT {columns} FROM {source(path, one.table)}"
        try:
            base.execute(f"CREATE TABLE {one.table} AS {selected}" if k == 0 else f"INSERT INTO {one.table} {selected}")
        except duck_error() as error:
            fault(path, one.table, str(error))


def _column(name: str, table: str, hashed: Collection[str]) -> str:
    column = quoted(name)
    if name in schema.NEEDED[table]:
        return f"CASE WHEN {column} >= 0 THEN {column} ELSE error('{name} is missing or negative') END"
    return f"hash({column})" if name in hashed else column
