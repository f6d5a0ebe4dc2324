"""Files with one conversation a line to columns: duckdb takes the requests out of their lists."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evenly.traces.formats._columns import Columns, carry, connect, duck_error, literal, quoted, struct
from evenly.traces.formats._errors import json_fault
from evenly.traces.formats._head import LINE_LIMIT

MARKER = "marker"
PLACE = "place"


def read_nested(
    path: Path, within: str, outer: Sequence[str], numbers: Sequence[str], text: Sequence[str], ids: str
) -> Columns:
    """Return the objects in the list `within` of every line as rows, with the text columns `outer` of their line.

    An entry may itself hold such a list: then its inner objects are the rows. The number column `marker` is the first
    number of the entry around an inner object, NaN elsewhere, and `place` tells where in the list the entry stands.
    Raises `ValueError` for the first line that does not fit.
    """
    query = _query(path, within, outer, numbers, text, ids)
    plain = ("line", PLACE, MARKER, *numbers, ids)
    flat = f"{ids}[]"
    count = f"SELECT * REPLACE (coalesce(len({quoted(ids)}), 0) AS {quoted(ids)}), {quoted(ids)} AS {quoted(flat)}"
    try:
        with connect() as database:
            database.execute(f"CREATE TABLE file AS {count} FROM ({query})")
            found = carry(database, path, 0, plain, (*outer, *text), (flat,))
    except duck_error() as error:
        json_fault(path, numbers, (ids,), str(error), within)
    if len(found) == 0:
        raise ValueError(f"{path}: holds no request")
    if np.ma.is_masked(found.numbers[flat]):
        json_fault(path, numbers, (ids,), "a list holds null", within)
    return Columns(path, 0, found.numbers, found.texts, np.asarray(found.numbers["line"], np.int64))


def _query(path: Path, within: str, outer: Sequence[str], numbers: Sequence[str], text: Sequence[str], ids: str) -> str:
    """Return the SQL that makes a row of each object, in the order of the file."""
    fields = dict.fromkeys(numbers, "DOUBLE") | dict.fromkeys(text, "VARCHAR") | {ids: "BIGINT[]"}
    one = ", ".join(f"{quoted(name)} {kind}" for name, kind in fields.items())
    kinds = dict.fromkeys(outer, "VARCHAR") | {within: f"STRUCT({one}, {quoted(within)} STRUCT({one})[])[]"}
    table = (
        f"read_json({literal(path)}, columns={struct(kinds)}, format='newline_delimited', compression='none', "
        f"maximum_object_size={LINE_LIMIT})"
    )
    inner = quoted(within)
    own = ", ".join(f"e.{quoted(name)} AS {quoted(name)}" for name in fields)
    around = ", ".join(["line", PLACE, *(quoted(name) for name in outer)])
    return f"""
        WITH lines AS (SELECT row_number() OVER () - 1 AS line, * FROM {table}),
        entries AS (SELECT * EXCLUDE {inner}, unnest({inner}) AS e, generate_subscripts({inner}, 1) AS {PLACE}
                    FROM lines),
        within AS (SELECT {around}, e.{quoted(numbers[0])} AS {MARKER}, unnest(e.{inner}) AS e,
                   generate_subscripts(e.{inner}, 1) AS step FROM entries)
        SELECT {around}, NULL::DOUBLE AS {MARKER}, 0 AS step, {own} FROM entries WHERE e.{inner} IS NULL
        UNION ALL
        SELECT {around}, {MARKER}, step, {own} FROM within
        ORDER BY line, {PLACE}, step
    """
