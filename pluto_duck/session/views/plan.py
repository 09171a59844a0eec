"""How a view can be kept from changes of its table: the SQL of it, or why it must be made anew.

A filter or projection adds what the added rows give. Of aggregates a table in `_pluto` keeps a row for each group: how
many rows it has, and of each aggregate the parts that add up (an average is a sum and a count).
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, replace
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance.tree import nodes
from pluto_duck.session.views.definition import tree_of
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import fold, quote

DELTA = "pluto_delta"
"""What stands in a definition in the place of its table."""
_KEPT = frozenset({"count", "count_star", "sum", "avg", "min", "max"})
_SUMS_UP = ("HUGEINT", "DECIMAL(")
"""Types of sums that don't depend on the order of the rows."""

Node = dict[str, Any]


class Anew(Exception):
    """Why a view must be made anew."""


@dataclass(frozen=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True)
class Part:
    """A column of the kept groups: `plus` and `minus` compute it from rows, `over` brings several of them together, and
    `merge` those of the new rows (o) and the kept ones (t)."""

    name: str
    plus: str
    minus: str
    """"" where rows that go can't be told from it."""
    over: str
    merge: str


@dataclass(frozen=True)
class Groups:
    """Of a view that aggregates."""

    keys: tuple[str, ...]
    """SQL over the rows."""
    parts: tuple[Part, ...]
    finals: tuple[str, ...]
    """The columns of the view, over the kept groups."""
    matches: tuple[tuple[str, str], ...]
    """(column of the view, of the kept groups) by which a group is found in the view."""
    where: str
    alias: str
    """Of the table, with names of its columns where the definition gives them."""
    types: dict[str, str] = field(default_factory=dict)
    """Of the kept groups."""

    @property
    def subtracts(self) -> bool:
        return all(one.minus for one in self.parts)

    def rows(self, source: str, *, minus: bool = False) -> str:
        """SELECT of the kept groups, of the rows of `source`."""
        picks = [f"{one} AS g{i}" for i, one in enumerate(self.keys)]
        picks += [f"{one.minus if minus else one.plus} AS {one.name}" for one in self.parts]
        by = f" GROUP BY {', '.join(str(i + 1) for i in range(len(self.keys)))}" if self.keys else ""
        where = f" WHERE {self.where}" if self.where else ""
        return f"SELECT {', '.join(picks)} FROM {source} AS {self.alias}{where}{by}"

    def together(self, source: str) -> str:
        """SELECT of several rows of a group as one."""
        picks = [f"g{i}" for i in range(len(self.keys))]
        picks += [f"{one.over} AS {one.name}" for one in self.parts]
        by = f" GROUP BY {', '.join(picks[:len(self.keys)])}" if self.keys else ""
        return f"SELECT {', '.join(picks)} FROM {source}{by}"

    def merged(self, new: str, kept: str, same: str) -> str:
        """SELECT of the groups of `new`, one row each, with what is `kept` of them already: `same` says of which."""
        picks = [f"o.g{i}" for i in range(len(self.keys))]
        picks += [f"CAST({one.merge} AS {self.types[one.name]}) AS {one.name}" for one in self.parts]
        return f"SELECT {', '.join(picks)} FROM {new} AS o LEFT JOIN {kept} AS t ON {same}"


@dataclass(frozen=True)
class Plan:
    columns: tuple[Column, ...]
    because: str = ""
    """Why it is made anew; "" where it is kept from changes."""
    select: str = ""
    """Of a filter or projection: the definition over DELTA."""
    groups: Groups | None = None


def plan(parser: Parser, cursor: Cursor, sql: str, source: str) -> Plan:
    """`source`: the one table that it reads, in SQL. Raises what DuckDB says of a definition that does not bind."""
    columns = tuple(Column(str(row[0]), str(row[1])) for row in cursor.fetchall(f"DESCRIBE {sql}"))
    try:
        node = _simple(parser, sql)
        if _aggregates(parser, node):
            return Plan(columns, groups=_groups(parser, cursor, node, columns, source))
        return Plan(columns, select=_over_delta(parser, cursor, node, columns, source))
    except Anew as why:
        return Plan(columns, str(why))


def _simple(parser: Parser, sql: str) -> Node:
    node = tree_of(parser, sql)
    if node is None or node.get("type") != "SELECT_NODE":
        raise Anew("it is not a plain SELECT")
    for name, why in (("having", "it has HAVING"), ("qualify", "it has QUALIFY"), ("sample", "it takes a sample")):
        if node.get(name):
            raise Anew(why)
    if (node.get("cte_map") or {}).get("map"):
        raise Anew("it has a WITH")
    words = {"ORDER_MODIFIER": "it is ordered", "DISTINCT_MODIFIER": "it is DISTINCT"}
    for one in node.get("modifiers") or ():
        raise Anew(words.get(str(one.get("type")), "it has a LIMIT"))
    table = node.get("from_table") or {}
    if table.get("type") != "BASE_TABLE":
        raise Anew({"JOIN": "it joins tables"}.get(str(table.get("type")), "it does not read one table"))
    for one in nodes(node):
        kind = one.get("class")
        if kind in ("SUBQUERY", "WINDOW", "COLLATE"):
            raise Anew({"SUBQUERY": "it has a subquery", "WINDOW": "it has a window function"}.get(
                str(kind), "it compares by a collation"))
    return node


def _name(node: Node) -> str:
    return fold(str(node.get("function_name") or "")) if node.get("class") == "FUNCTION" else ""


def _aggregates(parser: Parser, node: Node) -> bool:
    known = {name for name, kind, _stability, _body in parser.functions() if kind == "aggregate"}
    return bool(node.get("group_expressions") or node.get("aggregate_handling") == "FORCE_AGGREGATES") or any(
        _name(one) in known for one in nodes(node["select_list"]))


def _over_delta(parser: Parser, cursor: Cursor, node: Node, columns: tuple[Column, ...], source: str) -> str:
    made = copy.deepcopy(node)
    table = made["from_table"]
    table["alias"] = table.get("alias") or table["table_name"]
    table.update(table_name=DELTA, schema_name="", catalog_name="")
    if "qualified_name" in table:
        table["qualified_name"] = {"path": [DELTA]}
    select = parser.written(_statement(made))
    _binds(cursor, f"WITH {DELTA} AS (SELECT * FROM {source}) {select}", [one.type for one in columns])
    return select


def _binds(cursor: Cursor, sql: str, types: list[str]) -> None:
    try:
        found = [str(row[1]) for row in cursor.fetchall(f"DESCRIBE {sql}")]
    except PlutoError:
        raise Anew("it names more of its table than its columns") from None
    if found != types:
        raise Anew("it gives other types over changes")


def _groups(parser: Parser, cursor: Cursor, node: Node, columns: tuple[Column, ...], source: str) -> Groups:
    items: list[Node] = node["select_list"]
    if any(one.get("class") == "STAR" or _name(one) == "unnest" for one in nodes(node)):
        raise Anew("its columns are not named one by one")
    if len(items) != len(columns):
        raise Anew("its columns are not named one by one")
    if len(node.get("group_sets") or ()) > 1:
        raise Anew("it groups in several ways")
    known = {name for name, kind, _stability, _body in parser.functions() if kind == "aggregate"}
    keys = _keys(node, known, {fold(one) for one in types_of(cursor, f"SELECT * FROM {source}")})
    parts: list[Part] = [_added("n", "count(*)")]
    finals: list[str] = []
    matches: dict[int, str] = {}
    prints = [_print(one) for one in keys]
    for number, (item, column) in enumerate(zip(items, columns, strict=True)):
        if _print(item) in prints:
            at = prints.index(_print(item))
            matches.setdefault(at, column.name)
            finals.append(f"g{at}")
        elif _name(item) in _KEPT:
            finals.append(_aggregate(parser, item, column, number, parts))
        else:
            raise Anew(f"{column.name} is more than a column or an aggregate")
    if len(matches) < len(keys):
        raise Anew("it groups by what it does not show")
    table = node["from_table"]
    alias = quote(str(table.get("alias") or table["table_name"]))
    if table.get("column_name_alias"):
        alias += f"({', '.join(quote(str(one)) for one in table['column_name_alias'])})"
    where = _text(parser, node["where_clause"]) if node.get("where_clause") else ""
    found = Groups(tuple(_text(parser, one) for one in keys), tuple(parts), tuple(finals),
                   tuple((name, f"g{at}") for at, name in sorted(matches.items())), where, alias)
    rows = found.rows(f"(SELECT * FROM {source})")  # as changes have them: without a rowid
    state = types_of(cursor, rows)
    shown = ", ".join(found.finals)
    _binds(cursor, f"SELECT {shown} FROM ({rows})", [one.type for one in columns])
    for one in parts:
        if one.name.startswith("s") and not state[one.name].startswith(_SUMS_UP):
            raise Anew(f"a sum of {state[one.name]} hangs on the order of the rows")
    return replace(found, types=state)


def types_of(cursor: Cursor, sql: str) -> dict[str, str]:
    try:
        return {str(row[0]): str(row[1]) for row in cursor.fetchall(f"DESCRIBE {sql}")}
    except PlutoError:
        raise Anew("its parts can't be computed apart") from None


def _keys(node: Node, known: set[str], columns: set[str]) -> list[Node]:
    """`columns`: those of the table, which GROUP BY means before what the SELECT calls so."""
    items: list[Node] = node["select_list"]
    if node.get("aggregate_handling") == "FORCE_AGGREGATES":  # GROUP BY ALL
        return [one for one in items if not any(_name(inner) in known for inner in nodes(one))]
    found = []
    for one in node.get("group_expressions") or ():
        position = _position(one)
        if position is not None:
            if not 1 <= position <= len(items):
                raise Anew("its groups are not understood")
            found.append(items[position - 1])
            continue
        names = one.get("column_names") or []
        aliased = [item for item in items if len(names) == 1 and item.get("alias")
                   and fold(str(item["alias"])) == fold(str(names[0]))]
        found.append(aliased[0] if aliased and fold(str(names[0])) not in columns else one)
    return found


def _position(node: Node) -> int | None:
    if node.get("class") != "CONSTANT":
        return None
    value = str((node.get("value") or {}).get("value", (node.get("literal") or {}).get("text")))
    return int(value) if value.isdecimal() else 0


def _aggregate(parser: Parser, item: Node, column: Column, number: int, parts: list[Part]) -> str:
    if item.get("distinct"):
        raise Anew(f"{column.name} counts each value once")
    if (item.get("order_bys") or {}).get("orders"):
        raise Anew(f"{column.name} is an ordered aggregate")
    children = item.get("children") or item.get("arguments") or []
    name = _name(item)
    if len(children) != (0 if name == "count_star" else 1):
        if name != "count" or children:
            raise Anew(f"{column.name} takes several values")
        name = "count_star"

    def call(function: str) -> str:
        made = copy.deepcopy(item)
        made["function_name"] = function
        if "qualified_name" in made:
            made["qualified_name"] = {"path": [function]}
        return _text(parser, made)

    kind = column.type
    if name in ("count", "count_star"):
        own = call(name)
        parts.append(_added(f"c{number}", own))
        return f"c{number}"
    if name in ("min", "max"):
        part = f"m{number}"
        parts.append(Part(part, call(name), "", f"{name}({part})",
                          f"{'least' if name == 'min' else 'greatest'}(o.{part}, t.{part})"))
        return part
    parts += [_added(f"c{number}", call("count")), _added(f"s{number}", call("sum"))]
    value = f"CAST(s{number} AS {kind})" if name == "sum" else f"CAST(s{number} AS DOUBLE) / c{number}"
    return f"CASE WHEN c{number} = 0 THEN NULL ELSE {value} END"


def _added(name: str, own: str) -> Part:
    return Part(name, own, f"-{own}", f"sum({name})", f"coalesce(o.{name} + t.{name}, o.{name}, t.{name})")


def _text(parser: Parser, expression: Node) -> str:
    bare = {**expression, "alias": ""}
    node = json.loads(json.dumps(tree_of(parser, "SELECT 1")))
    node["select_list"] = [bare]
    return parser.written(_statement(node)).removeprefix("SELECT ").rstrip(";")


def _statement(node: Node) -> dict[str, Any]:
    return {"error": False, "statements": [{"node": node, "named_param_map": []}]}


def _print(node: Node) -> str:
    """The same for expressions that differ in their places in the text and what they are called alone."""
    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: plain(value) for key, value in part.items() if not key.startswith("query_location")}
        return [plain(one) for one in part] if isinstance(part, list) else part

    made = plain(node)
    made["alias"] = ""
    if made.get("column_names"):
        made["column_names"] = [fold(str(one)) for one in made["column_names"]]
    return json.dumps(made, sort_keys=True)
