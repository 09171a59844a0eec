"""What a MySQL or MariaDB database holds: tables, columns, keys, defaults, comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import SourceError, unknown_name
from pluto_duck.ingest.connectors import SourceKey, TableKind

_OWN = ("information_schema", "performance_schema", "mysql", "sys")


@dataclass(frozen=True)
class Relation:
    schema: str
    name: str
    kind: TableKind
    row_estimate: int | None
    size_bytes: int | None
    comment: str


@dataclass(frozen=True)
class Declared:
    name: str
    type: str
    nullable: bool
    default: str
    """DuckDB SQL, "" for none."""
    comment: str


class Catalog:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._is_mariadb = "mariadb" in str(connection.get_server_info()).lower()

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def schemas(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT schema_name FROM information_schema.schemata ORDER BY 1")
                if row[0] not in _OWN]

    def schema(self, name: str) -> str:
        """The schema itself; raises where there is none, or none was named."""
        known = self.schemas()
        if not name:
            raise SourceError("The address names no database.",
                              hint=f"Write mysql://user@host/DATABASE; there are: {', '.join(known[:12])}."
                              if known else "Write mysql://user@host/DATABASE.")
        if name not in known and name not in _OWN:
            raise unknown_name("database", name, known)
        return name

    def relations(self, schema: str) -> dict[str, Relation]:
        rows = self._rows(
            "SELECT table_name, table_type, table_rows, data_length, table_comment FROM information_schema.tables "
            "WHERE table_schema = %s AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW', 'SYSTEM VIEW') "
            "ORDER BY table_name", schema)
        return {name: Relation(schema, name, "view" if "VIEW" in kind else "table", rows, size,
                               "" if "VIEW" in kind else comment or "") for name, kind, rows, size, comment in rows}

    def columns(self, relation: Relation) -> list[Declared]:
        checked = self._checked_as_json(relation)
        found = []
        for name, kind, nullable, default, extra, comment in self._rows(
                "SELECT column_name, column_type, is_nullable, column_default, extra, column_comment "
                "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
                "ORDER BY ordinal_position", relation.schema, relation.name):
            kind = _text(kind)
            if name in checked and kind.startswith("longtext"):  # MariaDB's JSON is a longtext with a check
                kind = "json"
            default = "" if default is None or "GENERATED" in extra.upper() else self._default(_text(default), kind)
            found.append(Declared(name, kind, nullable == "YES", default, comment or ""))
        return found

    def _checked_as_json(self, relation: Relation) -> set[str]:
        if not self._is_mariadb:
            return set()
        clauses = [_text(row[0]) for row in self._rows(
            "SELECT check_clause FROM information_schema.check_constraints WHERE constraint_schema = %s "
            "AND table_name = %s", relation.schema, relation.name)]
        # In the quotes of the server's sql_mode.
        found = [re.fullmatch(r"json_valid\(([`\"])(.*)\1\)", clause, re.S) for clause in clauses]
        return {one[2].replace(one[1] * 2, one[1]) for one in found if one}

    def _default(self, text: str, kind: str) -> str:
        """A plain number or text; MariaDB writes text in quotes, MySQL without."""
        if re.fullmatch(r"-?\d+(\.\d+)?", text) and re.match(r"(tiny|small|medium|big)?int|decimal|double|float", kind):
            return text
        if re.match(r"(var)?char|(tiny|medium|long)?text|enum|set", kind):
            if self._is_mariadb:
                return text if re.fullmatch(r"'(?:[^'\\]|'')*'", text) else ""
            return "'" + text.replace("'", "''") + "'"
        return ""

    def keys(self, relation: Relation) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """(the primary key, the unique ones); an index over a part of a text says nothing about the whole."""
        indexes: dict[str, list[tuple[str | None, int | None]]] = {}
        for index, column, part in self._rows(
                "SELECT index_name, column_name, sub_part FROM information_schema.statistics WHERE table_schema = %s "
                "AND table_name = %s AND non_unique = 0 ORDER BY index_name, seq_in_index",
                relation.schema, relation.name):
            indexes.setdefault(index, []).append((column, part))
        whole = {name: tuple(column for column, _part in parts if column) for name, parts in indexes.items()
                 if all(column and part is None for column, part in parts)}
        return whole.pop("PRIMARY", ()), tuple(whole.values())

    def foreign_keys(self, relation: Relation) -> tuple[SourceKey, ...]:
        keys: dict[str, list[tuple[Any, ...]]] = {}
        for row in self._rows(
                "SELECT constraint_name, column_name, referenced_table_schema, referenced_table_name, "
                "referenced_column_name FROM information_schema.key_column_usage WHERE table_schema = %s "
                "AND table_name = %s AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
                relation.schema, relation.name):
            keys.setdefault(row[0], []).append(row)
        return tuple(SourceKey(tuple(row[1] for row in rows), rows[0][2], rows[0][3], tuple(row[4] for row in rows))
                     for rows in keys.values())


def described(fields: Any) -> list[tuple[str, str, bool]]:
    """(name, type in COLUMN_TYPE's words, may be NULL) of a statement's result."""
    from pymysql.constants import FIELD_TYPE, FLAG

    names = {FIELD_TYPE.TINY: "tinyint", FIELD_TYPE.SHORT: "smallint", FIELD_TYPE.INT24: "mediumint",
             FIELD_TYPE.LONG: "int", FIELD_TYPE.LONGLONG: "bigint", FIELD_TYPE.FLOAT: "float",
             FIELD_TYPE.DOUBLE: "double", FIELD_TYPE.YEAR: "year", FIELD_TYPE.DATE: "date", FIELD_TYPE.NEWDATE: "date",
             FIELD_TYPE.TIME: "time", FIELD_TYPE.DATETIME: "datetime", FIELD_TYPE.TIMESTAMP: "timestamp",
             FIELD_TYPE.JSON: "json", FIELD_TYPE.GEOMETRY: "geometry"}
    found = []
    for one in fields:
        unsigned = " unsigned" if one.flags & FLAG.UNSIGNED else ""
        if one.type_code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
            digits = one.length - (1 if one.scale else 0) - (0 if unsigned else 1)
            kind = f"decimal({max(digits, one.scale, 1)},{one.scale})"
        elif one.type_code == FIELD_TYPE.BIT:
            kind = f"bit({one.length})"
        elif one.type_code in names:
            kind = names[one.type_code] + (unsigned if "int" in names[one.type_code] else "")
        else:  # texts and bytes are told apart by their character set: 63 is none
            kind = "blob" if one.charsetnr == 63 and not one.flags & (FLAG.ENUM | FLAG.SET) else "text"
        found.append((one.name, kind, not one.flags & FLAG.NOT_NULL))
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
