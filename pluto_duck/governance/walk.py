"""Reads the tree of one SELECT and refuses whatever isn't allowed by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pluto_duck.errors import Refused, nearest
from pluto_duck.governance import tree
from pluto_duck.governance.casts import refuse_types
from pluto_duck.governance.functions import TABLE_FUNCTIONS, is_denied
from pluto_duck.governance.limits import CAPPED, MAX_CTES, MAX_NODES, MAX_PLAN, MAX_SET_OPERATIONS, MAX_WIDTH, widths
from pluto_duck.governance.names import Names
from pluto_duck.governance.refusals import parameter, path_of, too_large, unknown_part, unseen_table
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold

Node = Mapping[str, Any]


class _Shape:
    """How large a query is once CTEs stand where they are named: doubling ones hang in the binder."""

    def __init__(self) -> None:
        self.width = 0
        """Tables' worth of columns that its FROM brings, times the stars over them."""
        self.plan = 1


_FILES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".txt", ".xlsx", ".db", ".duckdb", ".gz")

Scope = Mapping[str, _Shape]
"""The CTEs that can be seen from a place, by folded name."""


class Walk:
    """One for each statement. `read` raises Refused or UnknownName; else the statement may run."""

    def __init__(self, names: Names, functions: frozenset[str], *, system: bool = False) -> None:
        """`system`: functions may be called as system.main.NAME, for SQL that we wrote ourselves a part of."""
        self._names = names
        self._functions = functions
        self._system = system
        self.used: set[TableRef] = set()
        """The granted tables that the statement names."""
        self._nodes = self._ctes = self._set_operations = 0
        self._shape = _Shape()

    def read(self, statement: Node) -> None:
        try:
            self._statement(statement, {})
        except RecursionError:
            raise Refused("The statement is nested too deep.", hint="Split it with WITH.") from None

    # -- fields -----------------------------------------------------------------------------------

    def _fields(self, node: Node, fields: tree.Fields, scope: Scope) -> None:
        for key, value in node.items():
            part = fields.get(key, "never")
            if part == "data" or part == "name" or not value:
                continue
            if part == "expression":
                self._expression(value, scope)
            elif part == "expressions":
                for one in value:
                    self._expression(one, scope)
            elif part == "query":
                self._query(value, scope)
            elif part == "from":
                self._from(value, scope)
            elif part == "statement":
                self._statement(value, scope)
            elif part == "never":
                raise unknown_part(key)
            else:
                getattr(self, "_" + part)(value, scope)

    def _each(self, nodes: Iterable[Node], fields: tree.Fields, scope: Scope) -> None:
        for node in nodes:
            self._fields(node, fields, scope)

    def _queries(self, nodes: Iterable[Node], scope: Scope) -> None:
        for node in nodes:
            self._query(node, scope)

    def _arguments(self, nodes: Iterable[Node], scope: Scope) -> None:
        self._each(nodes, tree.ARGUMENT, scope)

    def _cases(self, nodes: Iterable[Node], scope: Scope) -> None:
        self._each(nodes, tree.CASE_CHECK, scope)

    def _named(self, nodes: Iterable[Node], scope: Scope) -> None:
        self._each(nodes, tree.NAMED_EXPRESSION, scope)

    def _orders(self, nodes: Iterable[Node], scope: Scope) -> None:
        self._each(nodes, tree.ORDER, scope)

    def _order(self, node: Node, scope: Scope) -> None:
        self._modifiers([node], scope)

    def _modifiers(self, nodes: Iterable[Node], scope: Scope) -> None:
        for node in nodes:
            self._fields(node, _known(tree.MODIFIERS, node.get("type")), scope)

    def _pivots(self, nodes: Iterable[Node], scope: Scope) -> None:
        for node in nodes:
            if node.get("pivot_enum"):
                raise Refused("PIVOT ... IN with a type is refused.", hint="List the values: IN ('a', 'b').")
            self._fields(node, tree.PIVOT_COLUMN, scope)
            self._each(node.get("entries") or (), tree.PIVOT_ENTRY, scope)

    # -- queries ----------------------------------------------------------------------------------

    def _statement(self, node: Node, scope: Scope) -> None:
        if node.get("named_param_map"):
            raise parameter()
        self._fields(node, tree.STATEMENT, scope)

    def _query(self, node: Node, scope: Scope) -> None:
        kind = node.get("type")
        fields = _known(tree.QUERIES, kind)
        self._count(node)
        if kind == "SET_OPERATION_NODE":
            self._set_operations += max(1, len(node.get("children") or ()) - 1)
            if self._set_operations > MAX_SET_OPERATIONS:
                raise too_large(f"more than {MAX_SET_OPERATIONS} UNIONs")
        outer, self._shape = self._shape, _Shape()
        visible = self._with(node.get("cte_map") or {}, scope)
        for key, value in node.items():
            part = fields.get(key, "data" if key == "type" else "never")
            if part == "ctes":
                continue
            here = visible
            if kind == "RECURSIVE_CTE_NODE" and key == "right":
                # Only here does a recursive CTE see itself.
                here = {**visible, fold(str(node["cte_name"])): _Shape()}
            self._fields({key: value}, {key: part}, here)
        inner, self._shape = self._shape, outer
        if kind == "SELECT_NODE":
            inner.width = widths(node.get("select_list") or (), inner.width)
        if inner.width > MAX_WIDTH or inner.plan > MAX_PLAN:
            raise too_large("CTEs that double each other")
        self._last = inner
        self._shape.plan += inner.plan

    def _with(self, cte_map: Node, scope: Scope) -> Scope:
        if set(cte_map) - {"map"}:
            raise unknown_part("WITH")
        visible = dict(scope)
        for entry in cte_map.get("map") or ():
            if set(entry) - {"key", "value"}:
                raise unknown_part("WITH")
            self._ctes += 1
            if self._ctes > MAX_CTES:
                raise too_large(f"more than {MAX_CTES} CTEs")
            # Its own name is not in scope: WITH t AS (FROM t) reads the table outside.
            self._last = _Shape()
            self._fields(entry["value"], tree.CTE, visible)
            visible[fold(str(entry["key"]))] = self._last
        return visible

    # -- FROM -------------------------------------------------------------------------------------

    def _from(self, node: Node, scope: Scope) -> None:
        kind = node.get("type")
        fields = _known(tree.FROM, kind)
        self._count(node)
        if kind == "BASE_TABLE":
            self._table(node, scope)
        elif kind == "TABLE_FUNCTION":
            self._table_function(node["function"], scope)
        elif kind == "EXPRESSION_LIST":
            for row in node["values"]:
                for value in row:
                    self._expression(value, scope)
        elif kind == "SHOW_REF" and not node.get("query"):
            self._show(node, scope)
        if kind in ("SUBQUERY", "SHOW_REF"):
            self._last = _Shape()
            self._fields(node, fields, scope)
            self._shape.width += self._last.width
            return
        if kind not in ("EMPTY", "JOIN", "PIVOT", "BASE_TABLE"):
            self._shape.width += 1
        self._fields(node, fields, scope)

    def _table(self, node: Node, scope: Scope) -> None:
        if node.get("at_clause"):
            raise Refused("AT (...) is refused: tables are read as they are now.", hint="Leave AT (...) out.")
        path = path_of(node, "catalog_name", "schema_name", "table_name")
        if len(path) == 1 and fold(path[0]) in scope:
            shape = scope[fold(path[0])]
            self._shape.width += shape.width
            self._shape.plan += shape.plan
            return
        self._granted(path)
        self._shape.width += 1
        self._shape.plan += 1

    def _granted(self, path: list[str]) -> None:
        if len(path) > 2:
            raise Refused(f"{'.'.join(path)} names another database.",
                          hint=f"Write {'.'.join(path[-2:])}, or only {path[-1]}.")
        schema, name = (DEFAULT_SCHEMA, path[0]) if len(path) == 1 else path
        if not self._names.holds(schema, name):
            if len(path) == 1 and ("/" in name or "\\" in name or fold(name).endswith(_FILES)):
                raise Refused(f"{name} is a file, and files are not read here.",
                              hint="Load it into a table first: pluto-duck ingest FILE")
            raise unseen_table(str(TableRef(name, schema)), self._names)
        self.used.add(TableRef(fold(name), fold(schema)))

    def _show(self, node: Node, scope: Scope) -> None:
        path = path_of(node, "catalog_name", "schema_name", "table_name")
        if path and path[0].startswith(('"', "__show")):
            what = path[0].strip('"').removeprefix("__show_").upper()
            raise Refused(f"SHOW {what} is refused here.",
                          hint="SHOW TABLES, as a statement of its own, lists what there is.")
        if not (len(path) == 1 and fold(path[0]) in scope):
            self._granted(path)

    def _table_function(self, node: Node, scope: Scope) -> None:
        if node.get("class") != "FUNCTION":
            raise unknown_part("FROM")
        path = path_of(node, "catalog", "schema", "function_name")
        name = fold(path[-1])
        if name not in TABLE_FUNCTIONS or not _plainly_named(path, name):
            raise Refused(f"{path[-1]}(...) in FROM is refused: it can reach beyond the workspace's tables.",
                          hint=f"Name a table, or use {', '.join(sorted(TABLE_FUNCTIONS))}.", function=path[-1])
        self._count(node)
        self._fields(node, tree.EXPRESSION_FIELDS["FUNCTION"], scope)

    # -- expressions ------------------------------------------------------------------------------

    def _expression(self, node: Node, scope: Scope) -> None:
        kind = node.get("class")
        if kind == "PARAMETER":
            raise parameter()
        known = tree.EXPRESSIONS.get(str(kind))
        if known is None or node.get("type") not in known[0]:
            raise unknown_part(f"{kind} {node.get('type')}")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise too_large("too many parts")
        if kind == "FUNCTION" or kind == "WINDOW":
            self._function(node)
        elif kind == "COLLATE" and not str(node["collation"]).replace("_", "").replace(".", "").isalnum():
            raise unknown_part("COLLATE")
        self._fields(node, tree.EXPRESSION_FIELDS[str(kind)], scope)

    def _function(self, node: Node) -> None:
        path = path_of(node, "catalog", "schema", "function_name")
        name = fold(path[-1])
        if not (_plainly_named(path, name) or (self._system and path[:-1] == ["system", "main"])):
            column = len(path) == 2 and fold(path[0]) not in (DEFAULT_SCHEMA, "pg_catalog", "system")
            raise Refused(f"{'.'.join(path)}(...) is refused: functions are called by their own name alone.",
                          hint=f"Write {path[-1]}({path[0] if column else '...'}).", function=path[-1])
        if name not in self._functions and name != "unnest":
            if is_denied(name):
                raise Refused(f"The function {path[-1]} is refused here: it shows or changes more than data.",
                              hint="Leave it out; the owner of the workspace can run it.", function=path[-1])
            near = nearest(name, self._functions)
            raise Refused(f"The function {path[-1]} is not on the list of this DuckDB version.",
                          hint=f"Did you mean {' or '.join(near)}?" if near else "Use DuckDB's built-in functions.",
                          function=path[-1])
        CAPPED.get(name, _no_cap)(node)

    def _type(self, node: Node, scope: Scope) -> None:
        for constant in refuse_types(node):
            self._expression(constant, scope)

    def _count(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise too_large("too many parts")


def _known(kinds: Mapping[str, tree.Fields], kind: object) -> tree.Fields:
    found = kinds.get(str(kind))
    if found is None:
        raise unknown_part(str(kind))
    return found


def _plainly_named(path: list[str], name: str) -> bool:
    # `main.` is what 1.5 itself writes for [x FOR x IN ...]. A qualified call would step over the
    # macros that cap the worst functions.
    return len(path) == 1 or (path[:-1] == [DEFAULT_SCHEMA] and name not in CAPPED)


def _no_cap(node: Node) -> None:
    return
