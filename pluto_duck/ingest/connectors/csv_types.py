"""Types of text values: guessed from a sample, then checked against every value while it is loaded.

DuckDB looks at the first 20,480 rows, and from then on turns 1.5 into 2, 007 into 7 and "2024-01-02 10:00"
into a date without a word. Here each value is compared with what became of it; one that would change stops
the scan, all values are looked at, and the load begins again with a type that holds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CHANGED = "pluto-duck: a value would change"

INTEGER = "0|-?[1-9][0-9]*"
PLAIN = r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)"
FLOAT = rf"{PLAIN}([eE][+-]?[0-9]+)?|[+-]?[iI]nf(inity)?|[nN]a[nN]"
_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_CLOCK_NS = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_ZONE = " ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
SHAPES = {
    "DATE": _DAY, "TIME": _CLOCK, "TIMESTAMP": f"{_DAY}([ T]{_CLOCK})?", "TIMESTAMP_NS": f"{_DAY}([ T]{_CLOCK_NS})?",
    "TIMESTAMP WITH TIME ZONE": f"{_DAY}[ T]{_CLOCK}{_ZONE}",
}
FORMATS = {
    f"{first}{sep}{second}{sep}%Y": rf"[0-9]{{1,2}}{re.escape(sep)}[0-9]{{1,2}}{re.escape(sep)}[0-9]{{4}}"
    for sep in "/.-" for first, second in (("%d", "%m"), ("%m", "%d"))
} | {f"%Y{sep}%m{sep}%d": rf"[0-9]{{4}}{re.escape(sep)}[0-9]{{1,2}}{re.escape(sep)}[0-9]{{1,2}}" for sep in "/."}
CLOCKS = {"": "", " %H:%M": " [0-9]{1,2}:[0-9]{2}", " %H:%M:%S": " [0-9]{1,2}:[0-9]{2}:[0-9]{2}",
           " %I:%M %p": " [0-9]{1,2}:[0-9]{2} [AaPp][Mm]", " %I:%M:%S %p": " [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AaPp][Mm]"}


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def matches(value: str, pattern: str) -> str:
    return f"system.main.regexp_full_match({value}, {text(pattern)})"


@dataclass(frozen=True)
class TextType:
    """How a column of texts becomes one of a type, with no value changed."""

    type: str = "VARCHAR"
    format: str = ""
    """For strptime; "" for DuckDB's own cast."""
    padded: bool = False
    """Blanks around the values are not part of them, and "" is no value."""
    thousands: str = ""
    decimal: str = "."
    note: str = ""
    guess: bool = False
    """The note tells of something that may be meant otherwise."""
    certain: bool = False
    """A person said so, or every value was looked at: nothing else is tried."""

    def clean(self, raw: str) -> str:
        """The text that is cast."""
        if self.type == "VARCHAR":
            return raw
        value = f"system.main.trim({raw})" if self.padded else raw
        if self.type in ("BIGINT", "HUGEINT", "DOUBLE") or self.type.startswith("DECIMAL"):
            value = plain_number(value, self.thousands, self.decimal)
        return f"nullif({value}, '')" if self.padded else value

    def value(self, raw: str, *, quiet: bool = False) -> str:
        """The cast; `quiet`: NULL for what it is not."""
        if self.type == "VARCHAR":
            return raw
        if self.format:
            parsed = f"system.main.{'try_' if quiet else ''}strptime({self.clean(raw)}, {text(self.format)})"
            return f"{parsed}::{self.type}"
        return f"{'TRY_' if quiet else ''}CAST({self.clean(raw)} AS {self.type})"

    def changes(self, raw: str, value: str) -> str:
        """A condition that holds where the value says less than the text; "" when it never does."""
        c = self.clean(raw)
        if self.format:
            shape = next((s + clock for f, s in FORMATS.items() for g, clock in CLOCKS.items()
                          if f + g == self.format), "")
            return f"NOT {matches(c, shape)}" if shape else ""
        if self.type in ("BIGINT", "HUGEINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER"):
            return f"{value}::VARCHAR <> {c}"
        if self.type in ("DOUBLE", "FLOAT"):
            return digits_lost(c, value) if self.type == "DOUBLE" else ""
        if self.type.startswith("DECIMAL"):
            scale = re.search(r",\s*(\d+)\)", self.type)
            return f"NOT {matches(c, rf'-?(0|[1-9][0-9]*)?(.[0-9]{{0,{scale[1] if scale else 0}}}0*)?')}"
        if self.type in ("DATE", "TIMESTAMP", "TIME"):
            # No quicker look at the text will do: DuckDB's cast takes 2024-1-02x, 2024-1-2 0 and 10:00:5Z as well.
            return suspected(f"{value}::VARCHAR <> {c}", f"NOT {matches(c, SHAPES[self.type])}")
        return f"NOT {matches(c, SHAPES[self.type])}" if self.type in SHAPES else ""

    def checked(self, raw: str, value: str) -> str:
        """SQL of the value, that fails where it would not be the text's."""
        bad = self.changes(raw, value)
        return f"CASE WHEN {bad} THEN system.main.error({text(CHANGED)}) ELSE {value} END" if bad else value


def suspected(quick: str, slow: str) -> str:
    """Both, the slow one asked only where the quick one holds: of an AND DuckDB tries now one side first, now the
    other."""
    return f"CASE WHEN {quick} THEN {slow} ELSE false END"


def plain_number(value: str, thousands: str, decimal: str) -> str:
    """1.234,5 as 1234.5, where it is written so; other texts as they are."""
    if not thousands and decimal == ".":
        return value
    grouped = rf"[0-9]{{1,3}}({re.escape(thousands)}[0-9]{{3}})+|[0-9]+" if thousands else "[0-9]+"
    shape = rf"-?({grouped})({re.escape(decimal)}[0-9]*)?"
    bare = f"system.main.replace({value}, {text(thousands)}, '')" if thousands else value
    return f"CASE WHEN {matches(value, shape)} THEN system.main.replace({bare}, {text(decimal)}, '.') ELSE {value} END"


def digits_lost(c: str, value: str) -> str:
    # A double holds any 15 digits. Longer ones: only what a double would be written as. to_json writes it
    # four times as fast as the cast; the last condition is for 1.2300000000000000 and 1.5E-300.
    quick = (f"CASE WHEN system.main.strlen({c}) > 15 OR system.main.contains({c}, '_') THEN true WHEN {c} < '1' THEN "
             f"{c} < '-' OR {c} >= '00' OR ({c} >= '-00' AND {c} < '-1') ELSE false END")
    mantissa = f"system.main.regexp_replace({c}, '[eE].*$', '')"
    digits = f"system.main.regexp_replace({mantissa}, '[^0-9]', '', 'g')"
    significant = (f"system.main.strlen(CASE WHEN system.main.contains({mantissa}, '.') "
                   f"THEN system.main.trim({digits}, '0') ELSE system.main.ltrim({digits}, '0') END)")
    return suspected(quick, suspected(
        f"system.main.to_json({value})::VARCHAR <> {c}",
        f"({value}::VARCHAR <> system.main.lower({c}) AND ({significant} > 15 OR NOT {matches(c, FLOAT)}) "
        f"AND NOT ({matches(c, PLAIN)} AND system.main.contains({c}, '.') AND system.main.rtrim({c}, '0') = "
        f"system.main.rtrim({value}::VARCHAR, '0')))"))
