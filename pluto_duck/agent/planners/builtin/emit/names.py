"""Names as SQL: tables, columns, and the dates that are cut from them."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.form import Field, Form, Measure
from pluto_duck.agent.planners.builtin.told import Role
from pluto_duck.catalog import Column, Table
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA

_PLAIN = re.compile(r"^[a-z_][a-z0-9_]*$")
_RESERVED_WORDS = (
    "all analyse analyze and anti any array as asc asof asymmetric both case cast check collate column "
    "constraint create cross default deferrable desc describe distinct do else end except false fetch for "
    "foreign from full glob grant group having ilike in initially inner intersect into is isnull join "
    "lambda lateral leading left like limit map natural not notnull null offset on only or order outer "
    "overlaps pivot placing positional primary qualify references returning right select semi show "
    "similar some struct summarize symmetric table tablesample then to trailing true try_cast union "
    "unique unpivot using variadic verbose when where window with "
)
_RESERVED = frozenset(_RESERVED_WORDS.split())


class Names:
    """Aliases of the tables of one query: the table's own name, or with its schema when two are alike."""

    def __init__(self, form: Form) -> None:
        self._refs = {form.root.ref.key: form.root.ref}
        for join in form.joins:
            self._refs[join.parent.key] = join.parent
        self._several = len(self._refs) > 1
        self.held = _of_all(form)
        """The condition of the figures, where it is that of all of them: rows that don't meet it don't matter."""

    def table(self, table: Table) -> exp.Table:
        return self.reference(table.ref.key)

    def reference(self, key: str) -> exp.Table:
        ref = self._refs[key]
        schema = None if ref.schema == DEFAULT_SCHEMA else identifier(ref.schema)
        if isinstance(ref, Role):
            alias = exp.TableAlias(this=identifier(ref.name))
            return exp.Table(this=identifier(ref.of.name), db=schema, alias=alias)
        return exp.Table(this=identifier(ref.name), db=schema)

    def alias(self, table: Table) -> exp.Identifier:
        return identifier(table.ref.name)

    def at(self, key: str, column: str) -> exp.Column:
        table = identifier(self._refs[key].name) if self._several else None
        return exp.Column(this=identifier(column), table=table)

    def column(self, table: Table, column: Column) -> exp.Column:
        return self.at(table.ref.key, column.name)

    def told(self, text: str, table: Table) -> Any:
        """SQL of a semantic file, over the columns of one table, as it stands in this query."""
        import sqlglot

        tree = sqlglot.parse_one(text, dialect="duckdb")
        for column in list(tree.find_all(exp.Column)):
            new = self.at(table.ref.key, column.name)
            if column is tree:
                return new
            column.replace(new)
        return tree


def named_figures(form: Form) -> list[Measure]:
    """Every measure, also those that only rank or cut."""
    measures = [*form.measures, *(one.measure for one in form.having)]
    return measures + [one.by for one in form.order if isinstance(one.by, Measure)]


def _of_all(form: Form) -> str:
    filters = {one.metric.filter if one.metric is not None else "" for one in named_figures(form)}
    return filters.pop() if len(filters) == 1 else ""


def identifier(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=not _PLAIN.match(name) or name in _RESERVED)


def called(name: str) -> exp.Identifier:
    """A name of a result's column, from words."""
    return identifier("_".join(re.findall(r"\w+", name.lower())) or "value")


def function(name: str, *arguments: Any) -> Any:
    return exp.Anonymous(this=name, expressions=list(arguments))


def field_sql(field: Field, names: Names) -> Any:
    column = names.column(field.table, field.column)
    if field.grain is None:
        return column
    dated = as_date(column, field.column)
    if field.grain in ("year", "hour"):
        return function(field.grain, dated)
    if field.grain == "weekday":
        return function("dayname", dated)
    return exp.cast(function("date_trunc", exp.Literal.string(field.grain), dated), "DATE", dialect="duckdb")


def as_date(column: exp.Expression, about: Column) -> Any:
    return exp.cast(column, "TIMESTAMP", dialect="duckdb") if about.text_date else column
