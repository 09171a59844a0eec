"""What a SQLite column really holds, and what it therefore becomes.

SQLite's declared types bind nobody: a value of any kind may stand in any column. So the values are asked, not
the declaration, and what a declaration promises (DATE, BOOLEAN, DECIMAL) is believed only when every value keeps it.
Source: https://sqlite.org/datatype3.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

DOUBLE_WHOLE = 2**53
"""Whole numbers up to here are the same as a double."""
DOUBLE_DIGITS = 15
"""Decimals of so many digits survive being stored as a double."""


@dataclass(frozen=True)
class Carrier:
    """One way from SQLite to DuckDB. {0} stands for the quoted column."""

    duckdb: str
    arrow: str
    """int64, float64, string or binary: what Python's driver hands over."""
    fits: str
    """SQLite SQL: true for every value that goes this way unchanged, NULL included."""
    select: str = "{0}"
    """SQLite SQL that is read."""
    scanned: str = ""
    """The type that DuckDB's own scanner must give the column for the cast from it to be exact."""


# Moved by nothing, a time is computed: without that SQLite hands back the 30th of February as it came.
_ISO_DAY = "date(substr({0},1,10), '+0 days') IS substr({0},1,10) AND {0} >= '0001'"
_CLOCK = "time(substr({0},{1},8), '+0 days') IS substr({0},{1},8)"


def _fraction(length: int) -> str:
    """Nothing, or a point and one to six digits, after so many characters."""
    return (f"(length({{0}}) = {length} OR (length({{0}}) BETWEEN {length + 2} AND {length + 7} "
            f"AND substr({{0}},{length + 1},1) = '.' AND substr({{0}},{length + 2}) NOT GLOB '*[^0-9]*'))")


def _text(condition: str) -> str:
    return f"({{0}} IS NULL OR (typeof({{0}}) = 'text' AND instr({{0}}, char(0)) = 0 AND {condition}))"


WHOLE = Carrier("BIGINT", "int64", "typeof({0}) IN ('integer', 'null')", scanned="BIGINT")
REAL = Carrier("DOUBLE", "float64",
               f"(typeof({{0}}) IN ('real', 'null') OR (typeof({{0}}) = 'integer' "
               f"AND {{0}} BETWEEN -{DOUBLE_WHOLE} AND {DOUBLE_WHOLE}))", scanned="DOUBLE")
TEXT = Carrier("VARCHAR", "string", "typeof({0}) IN ('text', 'null')", scanned="VARCHAR")
BLOB = Carrier("BLOB", "binary", "typeof({0}) IN ('blob', 'null')", scanned="BLOB")
BOOLEAN = Carrier("BOOLEAN", "int64", "({0} IS NULL OR (typeof({0}) = 'integer' AND {0} IN (0, 1)))", scanned="BIGINT")
DATE = Carrier("DATE", "string", _text(f"length({{0}}) = 10 AND {_ISO_DAY}"), scanned="DATE")
TIMESTAMP = Carrier(
    "TIMESTAMP", "string",
    _text(f"{_ISO_DAY} AND substr({{0}},11,1) IN (' ', 'T') "
          f"AND {_CLOCK.format('{0}', 12)} AND {_fraction(19)}"), scanned="TIMESTAMP")
PLAIN_TIMESTAMP = replace(TIMESTAMP, fits=_text(f"datetime({{0}}, '+0 days') IS {{0}} AND {_ISO_DAY}"))
"""Written in one way only, so that different texts are different moments: for keys."""
TIME = Carrier("TIME", "string", _text(f"{_CLOCK.format('{0}', 1)} AND {_fraction(8)}"))
JSON = Carrier("JSON", "string", _text("json_valid({0})"), scanned="VARCHAR")

AS_TEXT = "CASE typeof({0}) WHEN 'real' THEN printf('%!.17g', {0}) ELSE CAST({0} AS TEXT) END"
"""Every digit: SQLite's own cast of a double to text keeps only 15."""


def decimal(precision: int, scale: int) -> Carrier | None:
    """For doubles that are what storing such a decimal gives: the decimal is then what was meant."""
    if not 0 < precision <= 38 or not 0 <= scale <= min(precision, DOUBLE_DIGITS - 1):
        return None
    whole = min(precision, DOUBLE_DIGITS) - scale
    fits = (f"({{0}} IS NULL OR (typeof({{0}}) IN ('integer', 'real') AND abs({{0}}) < 1e{whole} "
            f"AND CAST(printf('%.{scale}f', {{0}}) AS REAL) = {{0}}))")
    return Carrier(f"DECIMAL({precision},{scale})", "string", fits,
                   f"CASE WHEN {{0}} IS NOT NULL THEN printf('%.{scale}f', {{0}}) END", "DOUBLE")


_PRECISION = re.compile(r"(?:DECIMAL|NUMERIC|DEC|NUMBER)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")


def promised(declared: str) -> Carrier | None:
    """What a declared type promises; None when it promises nothing that one could believe."""
    name = " ".join(declared.upper().split())
    if name in ("BOOL", "BOOLEAN"):
        return BOOLEAN
    if name == "DATE":
        return DATE
    if name == "TIME":
        return TIME
    if re.match(r"(DATETIME|TIMESTAMP)\b", name):
        return TIMESTAMP
    if name in ("JSON", "JSONTEXT"):
        return JSON
    precision = _PRECISION.fullmatch(name)
    if precision:
        return decimal(int(precision[1]), int(precision[2] or 0))
    # SQLite's own rules of affinity, in their order.
    if "INT" in name:
        return WHOLE
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return TEXT
    if "BLOB" in name:
        return BLOB
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return REAL
    return None


CLASSES = ("integer", "real", "text", "blob")


def held(classes: frozenset[str], *, large: bool) -> Carrier | None:
    """The way of a column that holds values of these storage classes; `large`: whole numbers that are no
    exact double are among them. None when one type can't hold them all."""
    if not classes:
        return TEXT
    if classes == {"integer"}:
        return WHOLE
    if classes <= {"integer", "real"}:
        return None if large else REAL
    return {frozenset({"text"}): TEXT, frozenset({"blob"}): BLOB}.get(classes)


def cast_to(name: str) -> Carrier | None:
    """The way of `--cast column=name`; None for a type that SQLite and we do not have."""
    word = " ".join(name.upper().split())
    base = re.sub(r"\(.*\)", "", word).strip()
    if base in ("TEXT", "VARCHAR", "CHAR", "CLOB", "STRING"):
        return Carrier("VARCHAR", "string", "1", AS_TEXT)
    if base == "BLOB":
        return Carrier("BLOB", "binary", "1", "CAST({0} AS BLOB)")
    if base in ("INTEGER", "INT", "BIGINT", "SMALLINT", "TINYINT"):
        return Carrier("BIGINT", "int64",
                       "(typeof({0}) IN ('integer', 'null') OR (typeof({0}) = 'text' AND CAST(CAST({0} AS INTEGER) AS "
                       "TEXT) = {0}) OR (typeof({0}) = 'real' AND CAST({0} AS INTEGER) = {0} AND abs({0}) < 9e18))",
                       "CAST({0} AS INTEGER)")
    if base in ("REAL", "DOUBLE", "FLOAT", "DOUBLE PRECISION"):
        return Carrier("DOUBLE", "float64",
                       REAL.fits[:-1] + " OR (typeof({0}) = 'text' AND (CAST(CAST({0} AS REAL) AS TEXT) = {0} "
                       "OR CAST(CAST({0} AS NUMERIC) AS TEXT) = {0})))", "CAST({0} AS REAL)")
    if base in ("BOOL", "BOOLEAN", "DATE", "TIME", "DATETIME", "TIMESTAMP", "JSON", "DECIMAL", "NUMERIC"):
        way = promised(word)
        return replace(way, scanned="") if way else None
    return None
