"""What a FROM brings: tables, files, functions, joins of them, pivots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluto_duck.catalog.lineage.relation import NONE, Origins, Out, Relation, Scope, Source, at_least, joined
from pluto_duck.workspace.blot import blotted
from pluto_duck.workspace.tableref import fold

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage.trace import Tracer

Node = Mapping[str, Any]
_READS = ("read_", "scan_", "parquet_", "sniff_", "glob")
_SCANS = ("_scan", "_query", "_scan_pushdown")
_NO_OUTPUT = ("SEMI", "ANTI")
SHOWN = 120


class Sources:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer, self._told = tracer, tracer.told

    def read(self, node: Node, scope: Scope) -> None:
        """Puts what it finds into the scope."""
        kind = str(node.get("type"))
        if kind == "JOIN":
            self._join(node, scope)
        elif kind != "EMPTY":
            scope.sources.append(self._one(kind, node, scope))

    def _one(self, kind: str, node: Node, scope: Scope) -> Source:
        names: tuple[str, ...] = ("unnamed_subquery",)
        if kind == "BASE_TABLE":
            path = tuple(str(node[one]) for one in ("catalog_name", "schema_name", "table_name") if node.get(one))
            relation, names = self._table(path, scope), self._tracer.known.full(path)
        elif kind == "SUBQUERY":
            relation = self._tracer.query(node["subquery"]["node"], scope)
        elif kind == "TABLE_FUNCTION":
            relation, names = self._function(node["function"], scope), (_name(node["function"]),)
        elif kind == "EXPRESSION_LIST":
            relation = self._values(node, scope)
        elif kind == "PIVOT":
            relation = self._pivot(node, scope)
        else:
            relation = Relation(rest={})
        if node.get("alias"):
            names = (fold(str(node["alias"])),)
        return Source(names, self._tracer.renamed(relation, [str(one) for one in node.get("column_name_alias") or ()]))

    # -- tables -----------------------------------------------------------------------------------------

    def _table(self, path: tuple[str, ...], scope: Scope) -> Relation:
        name = fold(path[-1])
        if len(path) == 1 and name in scope.ctes:
            return scope.ctes[name]
        known = self._tracer.known
        key = known.key(path)
        if key is None:
            return self._outside(path)
        self._told.reads[key] = None
        columns = known.columns(key)
        if columns is None:
            self._told.missing[key] = None
            return Relation(gone=key)
        return Relation(tuple(Out(one, {(key, one): "same"}) for one in columns))

    def _outside(self, path: tuple[str, ...]) -> Relation:
        """A file, a table of another database, or DuckDB's own."""
        if fold(path[0]) in ("system", "temp", "information_schema", "pg_catalog") or (
                len(path) == 1 and fold(path[0]).startswith(("duckdb_", "pg_", "sqlite_"))):
            return Relation(rest={})
        return self._from(blotted(".".join(path))[:SHOWN], NONE)

    def _from(self, called: str, given: Origins) -> Relation:
        key = f"outside:{called}"
        self._told.reads[key] = None
        self._told.outside[key] = called
        return Relation(rest=joined([given, {(key, "*"): "computed"}]))

    def _function(self, node: Node, scope: Scope) -> Relation:
        from pluto_duck.catalog.lineage.trace import arguments

        name, given = _name(node), arguments(node)
        path = tuple(str(node[one]) for one in ("catalog", "schema", "function_name") if node.get(one))
        macro = self._tracer.known.macro(path, len(given), table=True)
        if macro is not None:
            return self._tracer.table_macro(macro, node, scope)
        origins = at_least(joined(self._tracer.origins(one, scope) for one in given), "computed")
        if name.startswith(_READS) or name.endswith(_SCANS):
            # The first argument alone, and nothing of what may hold a password.
            texts = [text for one in given if (text := _text(one))]
            shown = blotted(texts[0]) if texts and not name.startswith(("postgres", "mysql")) else f"{name}(...)"
            return self._from(shown[:SHOWN], origins)
        return Relation(rest=origins)

    def _values(self, node: Node, scope: Scope) -> Relation:
        rows = node.get("values") or ()
        width = len(rows[0]) if rows else 0
        names = [str(one) for one in node.get("expected_names") or ()]
        return Relation(tuple(Out(names[i] if i < len(names) else f"col{i}", joined(
            self._tracer.origins(row[i], scope) for row in rows if i < len(row))) for i in range(width)))

    # -- joins ------------------------------------------------------------------------------------------

    def _join(self, node: Node, scope: Scope) -> None:
        self.read(node["left"], scope)
        # A subquery may name what stands before it.
        right = Scope(outer=scope, ctes=scope.ctes)
        self.read(node["right"], right)
        shared = [str(one) for one in node.get("using_columns") or ()]
        if node.get("ref_type") == "NATURAL":
            there = {name for source in scope.sources for name in source.relation.by_name}
            shared = [name for source in right.sources for name in source.relation.by_name if name in there]
        kind = str(node.get("join_type"))
        hidden = self._using(shared, kind, scope, right)
        both = Scope(outer=scope.outer, ctes=scope.ctes, sources=[*scope.sources, *right.sources],
                     merged={**right.merged, **scope.merged})
        if node.get("condition"):
            self._tracer.use("join", self._tracer.origins(node["condition"], both))
        if kind not in _NO_OUTPUT:
            scope.merged = both.merged
            scope.sources += [Source(one.names, one.relation, one.hidden | hidden) for one in right.sources]

    def _using(self, shared: list[str], kind: str, left: Scope, right: Scope) -> frozenset[str]:
        for name in shared:
            mine, theirs = (side.resolve((name,)) for side in (Scope(sources=left.sources, merged=left.merged),
                                                                Scope(sources=right.sources, merged=right.merged)))
            sides = [one[0] for one in (mine, theirs) if one is not None]
            both = joined(sides)
            self._told.named |= set(both)
            self._tracer.use("join", both)
            if kind in ("OUTER", "FULL"):
                left.merged[fold(name)] = at_least(both, "computed")
            elif kind == "RIGHT" and theirs is not None:
                left.merged[fold(name)] = theirs[0]
            elif mine is not None:
                left.merged[fold(name)] = mine[0]
        return frozenset(map(fold, shared))

    # -- pivots -----------------------------------------------------------------------------------------

    def _pivot(self, node: Node, scope: Scope) -> Relation:
        inside = Scope(outer=scope, ctes=scope.ctes)
        self.read(node["source"], inside)
        everything = [out for source in inside.sources for out in source.relation.columns]
        measured = joined(self._tracer.origins(one, inside) for one in node.get("aggregates") or ())
        turned = joined(self._tracer.origins(one, inside) for pivot in node.get("pivots") or ()
                        for one in pivot.get("pivot_expressions") or ())
        if node.get("unpivot_names"):
            return self._unpivot(node, inside, everything)
        self._tracer.use("group", turned)
        named = {fold(str(one)) for one in node.get("groups") or ()}
        used = {*measured, *turned}
        kept = [out for out in everything if (fold(out.name) in named if named else not used & set(out.origins))]
        for out in kept:
            self._tracer.use("group", out.origins)
        return Relation(tuple(kept), joined([measured, at_least(turned, "computed")]))

    def _unpivot(self, node: Node, inside: Scope, everything: list[Out]) -> Relation:
        taken: set[str] = set()
        for pivot in node.get("pivots") or ():
            for entry in pivot.get("entries") or ():
                values = [entry["star_expr"]] if entry.get("star_expr") else []
                texts = [str(one.get("value")) for one in entry.get("values") or ()]
                for value in values:
                    texts += [str(one["column_names"][-1]) for one in _references(value)]
                taken |= {fold(one) for one in texts}
        unpivoted = joined(out.origins for out in everything if fold(out.name) in taken)
        self._told.named |= set(unpivoted)
        names = [str(one) for pivot in node["pivots"] for one in pivot.get("unpivot_names") or ()]
        made = [Out(name, NONE) for name in names]
        made += [Out(str(name), at_least(unpivoted, "computed")) for name in node["unpivot_names"]]
        return Relation((*(out for out in everything if fold(out.name) not in taken), *made))


def _references(node: Any) -> list[Node]:
    if isinstance(node, dict):
        own = [node] if node.get("class") == "COLUMN_REF" else []
        return own + [one for value in node.values() for one in _references(value)]
    return [one for value in node for one in _references(value)] if isinstance(node, list) else []


def _name(node: Node) -> str:
    return fold(str(node.get("function_name", "")))


def _text(node: Node) -> str:
    """A constant text, or the first of a list of them."""
    told = node.get("literal") or {}
    if told.get("kind") == "STRING":
        return str(told["text"])
    value = node.get("value") or {}
    if node.get("class") == "CONSTANT" and (value.get("type") or {}).get("id") == "VARCHAR":
        return str(value.get("value"))
    children = [*(node.get("children") or ()), *(one["expression"] for one in node.get("arguments") or ())]
    return next((text for one in children if (text := _text(one))), "")
