"""Which of the owner's views a role may have: one over a file or a setting would carry it past the Gate.

A view may use the owner's own tables, views and macros, and beside them only functions of the reviewed
list. In a folder that was cloned, the owner may never have seen its views.
"""

from __future__ import annotations

from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance.functions import TABLE_FUNCTIONS, allowed
from pluto_duck.governance.tree import nodes
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold

_MACROS = """
    SELECT function_name, function_type, macro_definition FROM system.main.duckdb_functions()
    WHERE database_name = system.main.current_database() AND NOT internal
"""


class Views:
    """One for each rebuild of a role's catalog."""

    def __init__(self, cursor: Cursor, parser: Parser) -> None:
        self._parser = parser
        self._own = fold(str(cursor.fetchall("SELECT system.main.current_database()")[0][0]))
        self._allowed = allowed(parser.version()) | TABLE_FUNCTIONS
        self._macros: dict[str, list[str]] = {}
        for name, kind, definition in cursor.fetchall(_MACROS):
            body = definition if kind == "table_macro" else f"SELECT {definition}"
            self._macros.setdefault(fold(str(name)), []).append(str(body))

    def harmless(self, created: str, known: set[TableRef]) -> bool:
        """Whether a stored CREATE VIEW reads only tables and harmless views (`known`) by harmless means."""
        self._schemas = {fold(one.schema) for one in known} | {DEFAULT_SCHEMA}
        return self._select(self._body(created), {fold(one.name) for one in known}, frozenset())

    def _body(self, created: str) -> str:
        depth = 0
        for token in self._parser.tokens(created):
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0 and token.kind == "keyword" and token.text.lower() == "as":
                return created.encode()[token.start + len(token.text):].decode()
        return ""

    def _select(self, sql: str, known: set[str], within: frozenset[str]) -> bool:
        try:
            tree = self._parser.tree(sql)
        except (PlutoError, RecursionError):
            return False
        if tree.get("error") is not False or not tree.get("statements"):
            return False
        found = list(nodes(tree["statements"]))
        # Names of CTEs as one flat set: it is known already that the view reads nothing else by name.
        known = known | {fold(str(one["key"])) for one in found if "key" in one and "value" in one}
        return all(self._node(node, known, within) for node in found)

    def _node(self, node: dict[str, Any], known: set[str], within: frozenset[str]) -> bool:
        kind = node.get("type")
        if kind == "SHOW_REF":
            return False
        if kind == "BASE_TABLE":
            path = (node.get("qualified_name") or {}).get("path") or [
                one for one in (node.get("catalog_name"), node.get("schema_name"), node.get("table_name")) if one]
            places = [fold(str(one)) for one in path[:-1]]
            # A table of a live source or another attached database may be called as one of the owner's is.
            if (len(places) > 1 and places[0] != self._own) or places[-1:] == ["_pluto"]:
                return False
            return fold(str(path[-1])) in known and (not places or places[-1] in (*self._schemas, self._own))
        name = node.get("function_name")
        return not isinstance(name, str) or self._function(fold(name), known, within)

    def _function(self, name: str, known: set[str], within: frozenset[str]) -> bool:
        bodies = self._macros.get(name)
        if bodies is None:
            return name in self._allowed or not name.isidentifier()  # operators have no names
        # A macro that calls itself can't run; where it calls the built-in of its name, that one counts.
        if name in within:
            return name in self._allowed
        return all(self._select(body, known, within | {name}) for body in bodies)
