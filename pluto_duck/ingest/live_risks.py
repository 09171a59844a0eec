"""What a live scan shows otherwise than a copy would hold it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.workspace.tableref import fold


@dataclass(frozen=True)
class Risk:
    table: str
    column: str
    says: str
    """The rest of a sentence: "comes as DOUBLE, not DECIMAL(38,10)"."""

    def __str__(self) -> str:
        return f"{self.table}.{self.column} {self.says}"


# Values that the extension changes although the type is the same (measured with DuckDB 1.5.5).
_VALUES = {"postgres": (("numeric", "shows NaN as 0"),)}

_ALIASES = {"TIMETZ": "TIME WITH TIME ZONE", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}


def risks(kind: str, tables: Sequence[SourceTable], shown: Iterable[tuple[str, str, str, str]]) -> tuple[Risk, ...]:
    """`shown`: (schema, table, column, type) as the attached database has them."""
    types = {(fold(schema), fold(table), fold(column)): type_ for schema, table, column, type_ in shown}
    found = []
    for table in tables:
        for column in table.columns:
            live = types.get((fold(table.schema), fold(table.name), fold(column.name))) or types.get(
                ("main", fold(table.name), fold(column.name)))
            if live is None:
                found.append(Risk(table.name, column.name, "is not there live"))
            elif column.refusal:
                found.append(Risk(table.name, column.name, f"comes as {live} and may differ: it {column.refusal}"))
            elif live == "DOUBLE" and column.source_type.lower().startswith(("numeric", "decimal")):
                found.append(Risk(table.name, column.name, "comes as DOUBLE, which keeps 15 digits"))
            elif live != _ALIASES.get(column.type, column.type):
                found.append(Risk(table.name, column.name, f"comes as {live}, not {column.type}"))
            else:
                for start, says in _VALUES.get(kind, ()):
                    if column.source_type.startswith(start):
                        found.append(Risk(table.name, column.name, says))
    return tuple(found)
