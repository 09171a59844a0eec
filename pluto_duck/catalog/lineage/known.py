"""What a statement may name: tables with their columns, macros, and which functions put rows together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, fold

if TYPE_CHECKING:
    from pluto_duck.workspace.parser import Parser

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Macro:
    schema: str
    name: str
    parameters: tuple[str, ...]
    definition: str
    table: bool


class Known:
    """Of one moment. `columns`: by TableRef.key, in their order."""

    def __init__(self, columns: Mapping[str, Sequence[str]], *, catalog: str = "", macros: Iterable[Macro] = (),
                 aggregates: Iterable[str] = (), parser: Parser | None = None) -> None:
        self._columns, self._catalog = columns, fold(catalog)
        self._macros: dict[str, list[Macro]] = {}
        for macro in macros:
            self._macros.setdefault(fold(macro.name), []).append(macro)
        self._aggregates = frozenset(aggregates)
        self._parser = parser or _parser()
        self._bodies: dict[Macro, Node | None] = {}

    def key(self, path: Sequence[str]) -> str | None:
        """Of a table of the workspace; None for one of another database, and for a file."""
        parts = list(map(fold, path))
        if len(parts) == 3:
            if parts[0] != self._catalog:
                return None
            parts = parts[1:]
        if len(parts) == 2 and parts[0] == self._catalog and ".".join(parts) not in self._columns:
            parts = [DEFAULT_SCHEMA, parts[1]]  # catalog.table
        key = ".".join(parts if len(parts) == 2 else [DEFAULT_SCHEMA, *parts])
        if key in self._columns:
            return key
        looks_outside = len(path) == 1 and ("/" in path[0] or "\\" in path[0] or "://" in path[0] or "." in path[0])
        return None if looks_outside or _system(parts) else key

    def full(self, path: Sequence[str]) -> tuple[str, ...]:
        """All parts of a table's name, folded: columns may be written behind any of its endings."""
        key = self.key(path)
        return (self._catalog, *key.split(".", 1)) if key is not None else tuple(map(fold, path))

    def columns(self, key: str) -> Sequence[str] | None:
        return self._columns.get(key)

    def aggregates(self, function: str) -> bool:
        return fold(function) in self._aggregates

    def macro(self, path: Sequence[str], count: int, *, table: bool) -> Macro | None:
        if not path or not self._macros:
            return None
        found = [one for one in self._macros.get(fold(path[-1]), ()) if one.table == table
                 and (len(path) < 2 or fold(path[-2]) == fold(one.schema))]
        return next((one for one in found if len(one.parameters) == count), found[0] if found else None)

    def tree(self, sql: str) -> Node | str:
        """The query of one SELECT, or why there is none."""
        if "\0" in sql:
            return "it holds a NUL character"
        try:
            found = self._parser.tree(sql)
        except PlutoError as error:
            return error.message
        except RecursionError:
            return "it is nested too deep"
        if found.get("error") or len(found.get("statements") or ()) != 1:
            return str(found.get("error_message") or "it is not one SELECT")
        node: Node = found["statements"][0]["node"]
        return node

    def body(self, macro: Macro) -> Node | None:
        """The expression that a macro stands for."""
        query = self._body(macro, f"SELECT {macro.definition}")
        return query["select_list"][0] if query is not None else None

    def query_of(self, macro: Macro) -> Node | None:
        return self._body(macro, macro.definition)

    def _body(self, macro: Macro, sql: str) -> Node | None:
        if macro not in self._bodies:
            found = self.tree(sql)
            self._bodies[macro] = None if isinstance(found, str) else found
        return self._bodies[macro]


@lru_cache(maxsize=1)
def _parser() -> Parser:
    """Private, and of no workspace: DuckDB takes longer to start than to read a hundred views."""
    from pluto_duck.workspace.parser import Parser

    return Parser()


def _system(parts: Sequence[str]) -> bool:
    return parts[0] in ("information_schema", "pg_catalog") or parts[-1].startswith(("duckdb_", "pragma_", "sqlite_"))
