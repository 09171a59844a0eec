"""Which MySQL types are carried exactly, and how: text that the server writes -> Arrow -> DuckDB."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

MAX_DIGITS = 38


@dataclass(frozen=True)
class Carrier:
    """The way of one MySQL type. {0} stands for the quoted column."""

    duckdb: str
    arrow: str
    """A name that `arrow_type` knows."""
    select: str = "{0}"
    """SQL of the value as text."""
    quoted: bool = False
    """Whether the text may hold commas, quotes or line ends, or be empty."""
    expression: str = "{0}"
    """DuckDB SQL over what arrives."""
    limits: str = ""
    """Values that MySQL has and this way can't carry: they are refused when they come."""
    cast_to: str = "char"
    """For those."""
    note: str = ""

    def field(self, column: str) -> str:
        """The value as a field of csv. A function whose result is too long gives NULL, and so does the row then."""
        text = self.select.format(column)
        if self.arrow == "binary":
            text = f"CONCAT(X'22',REPLACE(CAST({text} AS BINARY),X'22',X'2222'),X'22')"
        elif self.quoted:
            # Binary literals: they mean the same in every sql_mode, and no collation is in the way.
            text = f"CONCAT(X'22',REPLACE(CONVERT({text} USING utf8mb4),X'22',X'2222'),X'22')"
        return f"IF({text if self._empties else column} IS NULL,'',{text})"

    @property
    def _empties(self) -> bool:
        return self.select.startswith("IF(")


_ZERO = "a date with a zero in it, such as 0000-00-00"
TEXT = Carrier("VARCHAR", "string", quoted=True)
BYTES = Carrier("BLOB", "binary", quoted=True)
PLAIN: dict[str, Carrier] = {
    "tinyint": Carrier("TINYINT", "int8"), "tinyint unsigned": Carrier("UTINYINT", "uint8"),
    "smallint": Carrier("SMALLINT", "int16"), "smallint unsigned": Carrier("USMALLINT", "uint16"),
    "mediumint": Carrier("INTEGER", "int32"), "mediumint unsigned": Carrier("UINTEGER", "uint32"),
    "int": Carrier("INTEGER", "int32"), "int unsigned": Carrier("UINTEGER", "uint32"),
    "bigint": Carrier("BIGINT", "int64"), "bigint unsigned": Carrier("UBIGINT", "uint64"),
    # As text a float has six digits; as a double it has all of them.
    "float": Carrier("FLOAT", "float64", "({0}+0e0)"), "double": Carrier("DOUBLE", "float64"),
    "year": Carrier("SMALLINT", "int16"),
    "date": Carrier("DATE", "date32", limits=_ZERO, cast_to="date"),
    "datetime": Carrier("TIMESTAMP", "timestamp", limits=_ZERO, cast_to="datetime"),
    "timestamp": Carrier("TIMESTAMPTZ", "timestamptz", "CONCAT({0},'+00:00')", limits=_ZERO, cast_to="timestamp"),
    "time": Carrier("TIME", "time64", limits="a time below 0 or above 23:59:59", cast_to="interval"),
    "interval": Carrier("INTERVAL", "string", quoted=True, expression="{0}::INTERVAL"),
    "char": TEXT, "varchar": TEXT, "tinytext": TEXT, "text": TEXT, "mediumtext": TEXT, "longtext": TEXT,
    "enum": replace(TEXT, note="an enum, as text"), "set": replace(TEXT, note="a set: its members with commas between"),
    "json": Carrier("JSON", "string", quoted=True, expression="{0}::JSON"),
    "uuid": Carrier("UUID", "string", "CAST({0} AS CHAR)", expression="{0}::UUID"),
    "inet4": TEXT, "inet6": TEXT,
    "binary": BYTES, "varbinary": BYTES, "tinyblob": BYTES, "blob": BYTES, "mediumblob": BYTES, "longblob": BYTES,
    **{name: Carrier("BLOB", "binary", "ST_AsWKB({0})", True, note="as WKB, without its SRID")
       for name in ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
                    "geometrycollection", "geomcollection")},
}
_ALIASES = {"integer": "int", "bool": "tinyint", "boolean": "tinyint", "signed": "bigint",
            "unsigned": "bigint unsigned", "real": "double", "double precision": "double", "string": "text",
            "numeric": "decimal", "dec": "decimal"}
_TYPE = re.compile(r"(?P<name>[a-z]\w*(?: precision)?)\s*(?:\((?P<size>[^()]*)\))?(?P<rest>.*)", re.S)


def carrier(type_text: str) -> Carrier | None:
    """The way of a type as COLUMN_TYPE writes it; None when there is none."""
    found = _TYPE.match(type_text.strip().lower())
    if found is None:
        return None
    name = _ALIASES.get(found["name"], found["name"])
    size = found["size"] or ""
    if name == "decimal":
        return _decimal(size)
    if name == "bit":
        return _bit(int(size or 1))
    if "unsigned" in found["rest"] or "zerofill" in found["rest"]:
        return PLAIN.get(f"{name} unsigned", PLAIN.get(name))
    way = PLAIN.get(name)
    if way is not None and type_text.lower().startswith("tinyint(1)"):
        return replace(way, note="tinyint(1) may hold any number from -128 to 127, so it is no BOOLEAN")
    return way


def _decimal(size: str) -> Carrier | None:
    precision, _, scale = (size or "10").partition(",")
    if int(precision) > MAX_DIGITS:
        return None
    kind = f"{int(precision)},{int(scale or 0)}"
    return Carrier(f"DECIMAL({kind})", f"decimal({kind})")


def _bit(width: int) -> Carrier:
    if width == 1:
        return Carrier("BOOLEAN", "bool", "({0}+0)")
    return Carrier("BIT", "string", f"LPAD(BIN({{0}}+0),{width},'0')", expression="{0}::BIT")


def refusal(type_text: str) -> str:
    if type_text.lower().startswith("decimal"):
        return f"is {type_text}, more than the {MAX_DIGITS} digits of DuckDB's decimals"
    return f"is of type {type_text}, which can't be carried exactly yet"


def cast(source_type: str, to: str) -> Carrier | None:
    """The way of `--cast column=to`; values that are no such thing are refused when they come."""
    way = carrier(to)
    if way is None:
        return None
    base = source_type.strip().lower()
    words = "{0}"
    if base.startswith("bit"):
        words = "({0}+0)"
    elif base in PLAIN and PLAIN[base].select.startswith("ST_"):
        words = "ST_AsText({0})"
    elif base.startswith("float"):
        words = "({0}+0e0)"
    if way.duckdb in ("DATE", "TIMESTAMP", "TIMESTAMPTZ"):  # asked for, so a day that never was is none
        words = "IF(MONTH({0})=0 OR DAYOFMONTH({0})=0,NULL," + way.select.format("{0}") + ")"
        return replace(way, select=words, note="dates with a zero in them are NULL")
    return replace(way, select=words, note="")


def arrow_type(name: str) -> Any:
    import pyarrow

    if name.startswith("decimal("):
        width, scale = name[8:-1].split(",")
        return pyarrow.decimal128(int(width), int(scale))
    if name == "bool":
        return pyarrow.bool_()
    if name in ("timestamp", "timestamptz"):
        return pyarrow.timestamp("us", "UTC" if name == "timestamptz" else None)
    return pyarrow.time64("us") if name == "time64" else getattr(pyarrow, name)()
