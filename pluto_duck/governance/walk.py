"""Reads the tree of one SELECT and refuses whatever isn't allowed by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pluto_duck.errors import Refused, nearest, unknown_name
from pluto_duck.governance import tree
from pluto_duck.governance.functions import TABLE_FUNCTIONS, is_denied
from pluto_duck.governance.limits import CAPPED, MAX_CTES, MAX_NODES, MAX_PLAN, MAX_SET_OPERATIONS, MAX_WIDTH, widths
from pluto_duck.governance.names import Names
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

    def __init__(self, names: Names, functions: frozenset[str]) -> None:
        self._names = names
        self._functions = functions
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
                raise _unknown(key)
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
            raise _parameter()
        self._fields(node, tree.STATEMENT, scope)

    def _query(self, node: Node, scope: Scope) -> None:
        kind = node.get("type")
        fields = _known(tree.QUERIES, kind)
        self._count(node)
        if kind == "SET_OPERATION_NODE":
            self._set_operations += max(1, len(node.get("children") or ()) - 1)
            if self._set_operations > MAX_SET_OPERATIONS:
                raise _too_large(f"more than {MAX_SET_OPERATIONS} UNIONs")
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
            raise _too_large("CTEs that double each other")
        self._last = inner
        self._shape.plan += inner.plan

    def _with(self, cte_map: Node, scope: Scope) -> Scope:
        if set(cte_map) - {"map"}:
            raise _unknown("WITH")
        visible = dict(scope)
        for entry in cte_map.get("map") or ():
            if set(entry) - {"key", "value"}:
                raise _unknown("WITH")
            self._ctes += 1
            if self._ctes > MAX_CTES:
                raise _too_large(f"more than {MAX_CTES} CTEs")
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
        path = _path(node, "catalog_name", "schema_name", "table_name")
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
            raise unknown_name("table", str(TableRef(name, schema)), [str(one) for one in self._names])

    def _show(self, node: Node, scope: Scope) -> None:
        path = _path(node, "catalog_name", "schema_name", "table_name")
        if path and path[0].startswith(('"', "__show")):
            what = path[0].strip('"').removeprefix("__show_").upper()
            raise Refused(f"SHOW {what} is refused here.",
                          hint="SHOW TABLES, as a statement of its own, lists what there is.")
        if not (len(path) == 1 and fold(path[0]) in scope):
            self._granted(path)

    def _table_function(self, node: Node, scope: Scope) -> None:
        if node.get("class") != "FUNCTION":
            raise _unknown("FROM")
        path = _path(node, "catalog", "schema", "function_name")
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
            raise _parameter()
        known = tree.EXPRESSIONS.get(str(kind))
        if known is None or node.get("type") not in known[0]:
            raise _unknown(f"{kind} {node.get('type')}")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _too_large("too many parts")
        if kind == "FUNCTION" or kind == "WINDOW":
            self._function(node)
        elif kind == "COLLATE" and not str(node["collation"]).replace("_", "").replace(".", "").isalnum():
            raise _unknown("COLLATE")
        self._fields(node, tree.EXPRESSION_FIELDS[str(kind)], scope)

    def _function(self, node: Node) -> None:
        path = _path(node, "catalog", "schema", "function_name")
        name = fold(path[-1])
        if not _plainly_named(path, name):
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
        """1.5: {"id", "type_info"}; 2.0: a TYPE node whose children are types and constants."""
        if node.get("class") == "TYPE":
            path = _path(node, "catalog", "schema", "type_name")
            if node.get("type") != "TYPE" or len(path) != 1 or fold(path[0]) not in tree.TYPE_NAMES:
                raise _refused_type(".".join(path))
            if set(node) - {*tree.EXPRESSION_FIELDS["CONSTANT"], "catalog", "schema", "type_name", "children",
                            "qualified_name"}:
                raise _unknown("CAST")
            for child in node.get("children") or ():
                if child.get("class") == "CONSTANT":
                    self._expression(child, scope)
                else:
                    self._type(child, scope)
            return
        info = node.get("type_info")
        if node.get("id") == "VARIANT":
            return  # its inner structure is the engine's own
        if set(node) - {"id", "type_info"}:
            raise _unknown("CAST")
        if node.get("id") == "UNBOUND":
            if not info or info.get("catalog") or info.get("schema") or fold(str(info["name"])) not in tree.TYPE_NAMES:
                raise _refused_type(str(info and info.get("name")))
        elif fold(str(node.get("id"))) not in tree.TYPE_NAMES:
            raise _refused_type(str(node.get("id")))
        if not info:
            return
        known = tree.TYPE_INFOS.get(str(info.get("type")))
        if known is None or any(value for key, value in info.items() if key not in {*known, "type", "alias"}):
            raise _refused_type(str(info.get("type")))
        for child in info.get("child_types") or ():
            self._type(child["second"], scope)
        if info.get("child_type"):
            self._type(info["child_type"], scope)

    def _count(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _too_large("too many parts")


def _known(kinds: Mapping[str, tree.Fields], kind: object) -> tree.Fields:
    found = kinds.get(str(kind))
    if found is None:
        raise _unknown(str(kind))
    return found


def _path(node: Node, *keys: str) -> list[str]:
    """The parts of a name that are there; 2.0 writes them twice, and both must say the same."""
    path = [str(node[key]) for key in keys if node.get(key)]
    qualified = node.get("qualified_name")
    if (qualified and list(qualified.get("path") or ()) != path) or set(qualified or ()) - {"path"}:
        raise Refused(f"The name {'.'.join(path)} has more parts than may be used here.",
                      hint="Write table or schema.table.")
    return path


def _plainly_named(path: list[str], name: str) -> bool:
    # `main.` is what 1.5 itself writes for [x FOR x IN ...]. A qualified call would step over the
    # macros that cap the worst functions.
    return len(path) == 1 or (path[:-1] == [DEFAULT_SCHEMA] and name not in CAPPED)


def _no_cap(node: Node) -> None:
    return


def _unknown(what: str) -> Refused:
    return Refused(f"The statement has a part that is not allowed here: {what}.",
                   hint="Write it with plain SELECT, FROM, JOIN, WHERE, GROUP BY, WITH and ORDER BY.")


def _parameter() -> Refused:
    return Refused("Parameters ($name, ?) are refused here.", hint="Write the value into the statement.")


def _refused_type(name: str) -> Refused:
    return Refused(f"The type {name} is refused here.", hint="Cast to a built-in type, such as VARCHAR.")


def _too_large(what: str) -> Refused:
    return Refused(f"The statement is too large: {what}.", hint="Ask for less, or in several statements.")
