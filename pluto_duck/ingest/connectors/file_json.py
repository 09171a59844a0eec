"""Json and ndjson files as a table. The shape is taken from all records; numbers and times keep every digit.

DuckDB reads a json number with a fraction as a double before anything else can have it, and times as
TIMESTAMP whatever their offset. So files that hold longer numbers are written anew with those as text,
and times inside nested values stay text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.csv_guess import TypeGuess
from pluto_duck.ingest.connectors.csv_types import TextType
from pluto_duck.ingest.connectors.file_json_depth import check_depth
from pluto_duck.ingest.connectors.file_reading import (
    FileColumn,
    Files,
    column,
    engine_errors,
    literal,
    path_list,
    plain_reason,
)
from pluto_duck.workspace import quote

LONG = "[0-9][0-9.]{15}"
_TEXTUAL = frozenset({"DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "UUID", "VARCHAR"})


class JsonReading:
    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._paths: list[Path] = list(files.paths)
        self._shape: dict[str, str] = {}
        self._types: dict[str, TextType] = {}
        self._quoted: frozenset[str] = frozenset()
        self.note = ""

    def describe(self, connection: Any) -> list[FileColumn]:
        if not self._shape:
            with engine_errors():
                self._look(connection)
        return [self._column(name) for name in self._shape] + self._extra()

    def _extra(self) -> list[FileColumn]:
        if self._files.options.get("filename") != "true":
            return []
        return [column("filename", "VARCHAR", "filename", source_type="path")]

    def _look(self, connection: Any) -> None:
        for path in self._paths:
            check_depth(path, self._files.shown if len(self._paths) == 1 else str(path))
        self._paths = [self._exact(connection, path) for path in self._paths]
        from_all = f"read_json({path_list(self._paths)}, sample_size=-1, maximum_object_size=134217728"
        from_all += ", union_by_name=true)" if len(self._paths) > 1 else ")"
        relation = connection.sql(f"FROM {from_all}")
        for name, kind in zip(relation.columns, relation.types, strict=True):
            shape = _rendered(kind)
            # Numbers beside the texts that long ones were made of.
            self._shape[name] = "VARCHAR" if shape == "JSON" and name in self._quoted else shape
        texts = [name for name, kind in self._shape.items() if kind == "VARCHAR"]
        if texts:
            source = f"(SELECT {', '.join(f'{quote(n)} AS c{i}' for i, n in enumerate(texts))} FROM {self._function()})"
            for name, kind in zip(texts, TypeGuess(connection, self._files.options).of(
                    source, [f"c{i}" for i in range(len(texts))], rows=None), strict=True):
                # "12" in quotes was meant as text; what was a number is one again.
                number = kind.type in ("BIGINT", "HUGEINT", "DOUBLE", "BOOLEAN") or kind.type.startswith("DECIMAL")
                was_number = name in self._quoted
                self._types[name] = replace(kind, certain=True) if not number or was_number else TextType(certain=True)

    def _exact(self, connection: Any, path: Path) -> Path:
        """The file itself, or one with its long numbers as text."""
        objects = f"read_json_objects({path_list([path])}, maximum_object_size=134217728)"
        found = connection.execute(f"SELECT bool_or(regexp_matches(json, {literal(LONG)})) FROM {objects}").fetchall()
        if not found[0][0]:
            return path
        target = self._folder / f"{len(list(self._folder.iterdir()))}.ndjson"
        quoted: set[str] = set()
        with open(target, "w", encoding="utf-8") as out:
            for batch in connection.sql(f"SELECT json::VARCHAR AS j FROM {objects}").to_arrow_reader(10_000):
                for record in batch.column(0).to_pylist():
                    made = json.loads(record, parse_float=_number, parse_int=_number)
                    if isinstance(made, dict):
                        quoted |= {name for name, value in made.items() if isinstance(value, _Long)}
                    out.write(json.dumps(made, ensure_ascii=False) + "\n")
        self._quoted = self._quoted | quoted
        return target

    def _column(self, name: str) -> FileColumn:
        kind, shape = self._types.get(name), self._shape[name]
        if kind is None:
            return column(name, shape, quote(name), source_type="json")
        raw = quote(name)
        return column(name, kind.type, kind.checked(raw, f"({kind.value(raw)})"), source_type="json", note=kind.note,
                      guess=kind.guess)

    def cast(self, col: FileColumn, kind: str) -> FileColumn:
        if col.name in self._types:
            self._types[col.name] = TextType(kind, certain=True)
            return self._column(col.name)
        return column(col.name, kind, f"{quote(col.name)}::{kind}", source_type=f"json as {kind}")

    def _function(self) -> str:
        shape = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in self._shape.items())
        more = ", filename=true" if self._extra() else ""
        return (f"system.main.read_json({path_list(self._paths)}, columns={{{shape}}}, "
                f"maximum_object_size=134217728{more})")

    def source(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        return self._function()

    def settle(self, connection: Any, said: str = "") -> bool:
        return False

    def problem(self, connection: Any, said: str) -> SourceError:
        return SourceError(f"{self._files.shown} can't be read: {plain_reason(said)}",
                           hint="Is it whole, and of the kind its name says?")

    def rejects(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        return ""


class _Long(str):
    """A number with more digits than a double holds, as text."""


def _number(text: str) -> Any:
    if "." not in text and "e" not in text.lower():
        return int(text) if -2**63 <= int(text) < 2**63 else _Long(text)
    import decimal

    number = float(text)
    return number if decimal.Decimal(repr(number)) == decimal.Decimal(text) else _Long(text)


def _rendered(kind: Any, nested: bool = False) -> str:
    """The type as SQL, with times and uuids as text."""
    if kind.id == "list":
        return f"{_rendered(kind.children[0][1], True)}[]"
    if kind.id == "array":
        return f"{_rendered(kind.children[0][1], True)}[]"
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{quote(name)} {_rendered(child, True)}' for name, child in kind.children)})"
    if kind.id == "map":
        (_key, key), (_value, value) = kind.children
        return f"MAP({_rendered(key, True)}, {_rendered(value, True)})"
    if nested and kind.id == "hugeint":
        return "DECIMAL(38,0)"  # nested, it would not come through Arrow
    return "VARCHAR" if str(kind) in _TEXTUAL else str(kind)
