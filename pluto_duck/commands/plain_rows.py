"""Rows of our own as a Result, so that one piece of code draws every table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.workspace import Column, Result

if TYPE_CHECKING:
    import pyarrow


class PlainResult(Result):
    """Python values that become Arrow only when somebody asks: importing it takes as long as a short command."""

    def __init__(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        kinds = [_kind(column) for column in zip(*rows, strict=True)] if rows else ["VARCHAR"] * len(names)
        super().__init__(columns=tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True)),
                         table=None, sql="", statement="SELECT", elapsed_s=0.0)
        # Arrow would hold an int of a column of numbers as a float, too.
        self._plain = [tuple(float(value) if kind == "DOUBLE" and value is not None else value
                             for kind, value in zip(kinds, row, strict=True)) for row in rows]

    @property
    def row_count(self) -> int:
        return len(self._plain)

    @property
    def has_rows(self) -> bool:
        return True

    def values(self, limit: int | None = None) -> list[list[Any]]:
        shown = self._plain[:limit]
        return [list(column) for column in zip(*shown, strict=True)] if shown else [[] for _column in self.columns]

    def arrow(self) -> pyarrow.Table:
        if self._table is None:
            self._table = self._built()
        return self._table

    def _built(self) -> pyarrow.Table:
        import io
        import json

        import pyarrow
        import pyarrow.json

        arrow: dict[str, pyarrow.DataType] = {
            "VARCHAR": pyarrow.string(), "BIGINT": pyarrow.int64(), "DOUBLE": pyarrow.float64(),
            "BOOLEAN": pyarrow.bool_()}
        numbered = [f"c{i}" for i in range(len(self.columns))]
        schema = pyarrow.schema([pyarrow.field(name, arrow[column.type])
                                 for name, column in zip(numbered, self.columns, strict=True)])
        # By way of JSON text: pyarrow.array(list) would import pandas, a second or two.
        lines = "\n".join(json.dumps(dict(zip(numbered, row, strict=True))) for row in self._plain)
        options = pyarrow.json.ParseOptions(explicit_schema=schema)
        table = pyarrow.json.read_json(io.BytesIO(lines.encode()), parse_options=options) \
            if self._plain else schema.empty_table()
        return table.rename_columns([column.name for column in self.columns])


def _kind(values: tuple[object, ...]) -> str:
    known = {type(one) for one in values if one is not None}
    for kinds, name in (({bool}, "BOOLEAN"), ({int}, "BIGINT"), ({int, float}, "DOUBLE")):
        if known and known <= kinds:
            return name
    return "VARCHAR"
