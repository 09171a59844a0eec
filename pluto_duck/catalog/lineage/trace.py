"""Which stored columns each column of a SELECT is made of, and which ones it merely looks at.

Read from the tree of DuckDB's own parser, which knows every word that a view may hold. Nothing is bound or run, so a
statement over tables that are gone is read as far as it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pluto_duck.catalog.lineage.known import Known, Macro
from pluto_duck.catalog.lineage.relation import (
    NONE,
    Column,
    How,
    Origins,
    Out,
    Relation,
    Scope,
    at_least,
    joined,
)
from pluto_duck.workspace.tableref import fold

Node = Mapping[str, Any]
Use = Literal["filter", "join", "group", "sort"]
ROUNDS = 8
"""Of a recursive query, until its columns gain no further origin."""
DEPTH = 16
"""Of macros that call macros."""


@dataclass
class Traced:
    columns: tuple[tuple[str, Origins], ...] = ()
    """In their order; the name is "" where DuckDB makes one up."""
    rest: Origins | None = None
    """Of further columns, whose names can't be told; None: there are none."""
    reads: dict[str, None] = field(default_factory=dict)
    """Keys of the tables that are read, and ids of files and functions."""
    outside: dict[str, str] = field(default_factory=dict)
    """id -> what it is called, of what is read and is no table of the workspace."""
    named: set[Column] = field(default_factory=set)
    """Columns without which the statement would not run; the others come with a star."""
    uses: dict[Column, set[Use]] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    """Keys of tables that are not there."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Names of columns that no table has."""
    problem: str = ""

    def under(self, names: Sequence[str]) -> dict[str, Origins]:
        """By the names that the result really has."""
        if self.rest is None and len(names) == len(self.columns):
            return {name: origins for name, (_made, origins) in zip(names, self.columns, strict=True)}
        known = {fold(name): origins for name, origins in self.columns if name}
        loose = joined([self.rest or NONE, *(origins for name, origins in self.columns if not name)])
        return {name: known.get(fold(name), loose) for name in names}


def trace(sql: str, known: Known) -> Traced:
    """Of one SELECT. Never raises for what somebody wrote: `problem` says why nothing could be read."""
    tree = known.tree(sql)
    if isinstance(tree, str):
        return Traced(problem=tree)
    tracer = Tracer(known)
    try:
        found = tracer.query(tree, Scope())
    except RecursionError:
        return Traced(problem="it is nested too deep")
    told = tracer.told
    told.columns = tuple((one.name, one.origins) for one in found.columns)
    told.rest = {} if found.gone and found.rest is None else found.rest
    return told


class Tracer:
    def __init__(self, known: Known) -> None:
        from pluto_duck.catalog.lineage.sources import Sources

        self.known, self.told = known, Traced()
        self._sources, self._depth = Sources(self), 0

    # -- queries --------------------------------------------------------------------------------------

    def query(self, node: Node, scope: Scope) -> Relation:
        """`scope`: what lies around it; its CTEs are those that may be named."""
        inside = Scope(outer=scope, ctes=self._with(node.get("cte_map") or {}, scope))
        kind = node["type"]
        if kind == "SELECT_NODE":
            return self._select(node, inside)
        if kind == "SET_OPERATION_NODE":
            return self._set_operation(node, inside)
        if kind == "RECURSIVE_CTE_NODE":
            return self._recursive(node, inside)
        return Relation(rest={})

    def _with(self, cte_map: Node, scope: Scope) -> dict[str, Relation]:
        found = dict(scope.ctes)
        for entry in cte_map.get("map") or ():
            told = entry["value"]
            node = told.get("query_node") or told["query"]["node"]
            relation = self.query(node, Scope(outer=scope.outer, ctes=found, parameters=scope.parameters))
            found[fold(str(entry["key"]))] = self.renamed(relation, told.get("aliases") or ())
        return found

    def renamed(self, relation: Relation, names: Sequence[str]) -> Relation:
        if names:
            self.told.named |= set(relation.everything)  # by position: one less, and the names are others'
        return relation.named(names)

    def _select(self, node: Node, scope: Scope) -> Relation:
        self._sources.read(node.get("from_table") or {"type": "EMPTY"}, scope)
        columns: list[Out] = []
        rest: Origins | None = None
        for one in node["select_list"]:
            for out in self.outs(one, scope):
                columns.append(out)
                if out.name:
                    scope.aliases.setdefault(fold(out.name), out.origins)
            if one.get("class") == "STAR":
                loose = [source.relation.rest or NONE for source in scope.sources if source.relation.open
                         and (not one.get("relation_name") or source.goes_by((fold(one["relation_name"]),)))]
                rest = joined([rest or NONE, *loose]) if loose else rest
        if len(columns) == 1 and rest is None and node["select_list"][0].get("class") == "STAR":
            self.told.named |= set(columns[0].origins)  # without it there would be no column left
        if any(one.get("type") == "DISTINCT_MODIFIER" for one in node.get("modifiers") or ()):
            self.use("group", joined(one.origins for one in columns))
        self._use("filter", [node.get("where_clause"), node.get("having"), node.get("qualify")], scope)
        self._use("group", node.get("group_expressions") or (), scope)
        self._modifiers(node, scope)
        return Relation(tuple(columns), rest)

    def _modifiers(self, node: Node, scope: Scope) -> None:
        for one in node.get("modifiers") or ():
            self._use("sort", [order["expression"] for order in one.get("orders") or ()], scope)
            self._use("group", one.get("distinct_on_targets") or (), scope)
            self._use("filter", [one.get("limit"), one.get("offset")], scope)

    def _use(self, use: Use, nodes: Sequence[Node | None], scope: Scope) -> None:
        self.use(use, joined(self.origins(one, scope) for one in nodes if one))

    def use(self, use: Use, origins: Origins) -> None:
        for column in origins:
            self.told.uses.setdefault(column, set()).add(use)

    def _set_operation(self, node: Node, scope: Scope) -> Relation:
        parts = node.get("children") or [node["left"], node["right"]]
        found = [self.query(one, scope) for one in parts]
        kind = str(node.get("setop_type"))
        if not node.get("setop_all"):
            self.use("group", joined(one.everything for one in found))  # rows that are alike are one
        if kind == "UNION_BY_NAME":
            names = dict.fromkeys(fold(out.name) for one in found for out in one.columns)
            shown = {fold(out.name): out.name for one in reversed(found) for out in one.columns}
            made = Relation(tuple(Out(shown[name], joined(
                out.origins for one in found for out in one.columns if fold(out.name) == name)) for name in names),
                _loose(found))
        else:
            for one in found:
                self.told.named |= set(one.everything)  # all sides must have as many columns
            first = found[0]
            if kind in ("EXCEPT", "INTERSECT"):
                self.use("filter", joined(one.everything for one in found[1:]))
                made = first
            else:
                made = Relation(tuple(
                    Out(out.name, joined([one.columns[i].origins if i < len(one.columns) else one.rest or NONE
                                          for one in found])) for i, out in enumerate(first.columns)), _loose(found))
        inside = Scope(outer=scope, ctes=scope.ctes,
                       aliases={fold(out.name): out.origins for out in made.columns if out.name})
        self._modifiers(node, inside)
        return made

    def _recursive(self, node: Node, scope: Scope) -> Relation:
        name = fold(str(node["cte_name"]))
        made = self.query(node["left"], scope).named(node.get("aliases") or ())
        for _ in range(ROUNDS):
            inside = Scope(outer=scope.outer, ctes={**scope.ctes, name: made})
            again = self.query(node["right"], inside)
            columns = tuple(Out(out.name, joined([out.origins, again.columns[i].origins if i < len(again.columns)
                                                  else again.rest or NONE])) for i, out in enumerate(made.columns))
            grown = Relation(columns, made.rest if again.rest is None else joined([made.rest or NONE, again.rest]))
            if grown == made:
                break
            made = grown
        self.told.named |= set(made.everything)
        return made

    # -- the select list --------------------------------------------------------------------------------

    def outs(self, node: Node, scope: Scope) -> Iterator[Out]:
        """The columns that one entry makes: many for a star."""
        if node.get("class") == "STAR":
            yield from self._star(node, scope)
            return
        star = next(_stars(node), None)
        if star is not None:
            for out in self._star(star, scope):
                yield Out(str(node.get("alias") or ""), self.origins(
                    node, Scope(outer=scope, ctes=scope.ctes, star=out.origins)))
            return
        name = str(node.get("alias") or "")
        if not name and node.get("class") == "COLUMN_REF":
            name = str(node["column_names"][-1])
        yield Out(name, self.origins(node, scope))

    def _star(self, node: Node, scope: Scope) -> Iterator[Out]:
        wanted = fold(str(node.get("relation_name") or ""))
        left_out = {fold(str(one)) for one in node.get("exclude_list") or ()}
        left_out |= {fold(str(one["column"])) for one in node.get("qualified_exclude_list") or ()}
        replaced = {fold(str(one["key"])): one["value"] for one in node.get("replace_list") or ()}
        renamed = {fold(str(one["key"]["column"])): str(one["value"]) for one in node.get("rename_list") or ()}
        for name in (*left_out, *replaced, *renamed):
            self._resolved((name,), scope)
        fits = _pattern(node.get("expr"))
        given = False
        for place in _around(scope):
            for source in place.sources:
                if wanted and not source.goes_by((wanted,)):
                    continue
                given = True
                for out in source.relation.columns:
                    key = fold(out.name)
                    if key in left_out or (not wanted and key in source.hidden) or not fits(out.name):
                        continue
                    if key in replaced:
                        yield Out(out.name, self.origins(replaced[key], scope))
                    else:
                        merged = place.merged.get(key) if not wanted else None
                        yield Out(renamed.get(key, out.name), out.origins if merged is None else merged)
            if given:
                return

    # -- expressions ------------------------------------------------------------------------------------

    def origins(self, node: Node, scope: Scope) -> Origins:
        kind = node.get("class")
        if kind == "COLUMN_REF":
            return self._resolved(tuple(map(str, node["column_names"])), scope)
        if kind in ("CONSTANT", "PARAMETER"):
            return NONE
        if kind == "STAR":
            for place in _around(scope):
                if place.star is not None:
                    return place.star
            return at_least(joined(out.origins for out in self._star(node, scope)), "computed")
        if kind == "SUBQUERY":
            return self._subquery(node, scope)
        if kind == "LAMBDA":
            return self._lambda(node, scope)
        if kind == "POSITIONAL_REFERENCE":
            return self._numbered(int(node["index"]), scope)
        if kind == "FUNCTION":
            macro = self.known.macro(_path(node), len(arguments(node)), table=False)
            if macro is not None and self._depth < DEPTH:
                return self._macro(macro, node, scope)
        how: How = "aggregated" if kind in ("FUNCTION", "WINDOW") and self.known.aggregates(
            str(node.get("function_name", ""))) else "computed"
        return at_least(joined(self._inside(node, scope)), how)

    def _inside(self, node: Any, scope: Scope) -> Iterator[Origins]:
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, dict):
                if "class" in value:
                    yield self.origins(value, scope)
                else:
                    yield from self._inside(value, scope)
            elif isinstance(value, list):
                yield from self._inside(value, scope)

    def _resolved(self, path: tuple[str, ...], scope: Scope) -> Origins:
        found = scope.resolve(path)
        if found is None:
            self.told.unknown[".".join(path)] = None
            return NONE
        origins, column = found
        if column:
            self.told.named |= set(origins)
        return origins

    def _subquery(self, node: Node, scope: Scope) -> Origins:
        around, self.told.uses = self.told.uses, {}
        made = self.query(node["subquery"]["node"], scope)
        # What its rows are chosen by makes its value; the rows around it are chosen by what is made of that.
        chosen: Origins = dict.fromkeys(self.told.uses, "computed")
        self.told.uses = around
        found = [made.everything]
        if node.get("subquery_type") in ("EXISTS", "NOT_EXISTS"):
            found = []
        else:
            self.told.named |= set(made.everything)
        if node.get("child"):
            found.append(dict(self.origins(node["child"], scope)))
        return at_least(joined([*found, chosen]), "computed")

    def _lambda(self, node: Node, scope: Scope) -> Origins:
        left = node["lhs"]
        names = [str(one["column_names"][0]) for one in ([left] if left.get("class") == "COLUMN_REF" else
                 arguments(left)) if one.get("class") == "COLUMN_REF" and len(one["column_names"]) == 1]
        if node.get("syntax_type") != "LAMBDA_KEYWORD" and not _mentions(node["expr"], {fold(one) for one in names}):
            # json -> 'path' is written like one.
            return at_least(joined([self.origins(left, scope), self.origins(node["expr"], scope)]), "computed")
        return self.origins(node["expr"], scope.below({fold(one): NONE for one in names}))

    def _numbered(self, number: int, scope: Scope) -> Origins:
        columns = [out for place in _around(scope) for source in place.sources for out in source.relation.columns]
        return columns[number - 1].origins if 0 < number <= len(columns) else NONE

    def _macro(self, macro: Macro, node: Node, scope: Scope) -> Origins:
        given = self.given(macro, node, scope)
        body = self.known.body(macro)
        if body is None:
            return at_least(joined(given.values()), "computed")
        self._depth += 1
        try:
            # Names that are no parameters are columns of whoever calls it.
            return at_least(self.origins(body, scope.below(given)), "computed")
        finally:
            self._depth -= 1

    def given(self, macro: Macro, node: Node, scope: Scope) -> dict[str, Origins]:
        """What the parameters of a macro stand for."""
        found: dict[str, Origins] = {fold(name): NONE for name in macro.parameters}
        for place, (name, one) in enumerate(_arguments(node)):
            key = fold(name) if name and fold(name) in found else None
            if key is None and place < len(macro.parameters):
                key = fold(macro.parameters[place])
            origins = self.origins(one, scope)
            if key is not None:
                found[key] = origins
        return found

    def table_macro(self, macro: Macro, node: Node, scope: Scope) -> Relation:
        body = self.known.query_of(macro)
        if body is None or self._depth >= DEPTH:
            return Relation(rest={})
        self._depth += 1
        try:
            return self.query(body, Scope(parameters=self.given(macro, node, scope)))
        finally:
            self._depth -= 1


def _loose(found: Sequence[Relation]) -> Origins | None:
    parts = [one.rest or NONE for one in found if one.open]
    return joined(parts) if parts else None


def _around(scope: Scope) -> Iterator[Scope]:
    place: Scope | None = scope
    while place is not None:
        yield place
        place = place.outer


def _path(node: Node) -> tuple[str, ...]:
    return tuple(str(node[one]) for one in ("catalog", "schema", "function_name") if node.get(one))


def _arguments(node: Node) -> list[tuple[str, Node]]:
    if node.get("arguments"):
        return [(str(one.get("name") or ""), one["expression"]) for one in node["arguments"]]
    return [(str(one.get("alias") or ""), one) for one in node.get("children") or ()]


def arguments(node: Node) -> list[Node]:
    """Of a function, in both versions' ways to write them."""
    return [one for _name, one in _arguments(node)]


def _nodes(node: Any) -> Iterator[Node]:
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if one.get("class") == "SUBQUERY":
                continue
            yield one
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)


def _stars(node: Node) -> Iterator[Node]:
    return (one for one in _nodes(node) if one.get("class") == "STAR" and one.get("columns"))


def _mentions(node: Node, names: set[str]) -> bool:
    return any(one.get("class") == "COLUMN_REF" and fold(str(one["column_names"][0])) in names for one in _nodes(node))


class _Everything:
    def __call__(self, name: str) -> bool:
        return True


def _pattern(node: Node | None) -> Any:
    """Which columns COLUMNS(...) takes, as far as its text tells: a lambda may take any."""
    if not node or node.get("class") != "CONSTANT":
        return _Everything()
    told = node.get("literal") or {}
    text = told.get("text") if told else (node.get("value") or {}).get("value")
    try:
        return re.compile(str(text)).search
    except re.error:
        return _Everything()
