"""SQL in a semantic file: one expression over one table, nothing else.

The file may have come with a cloned folder. What is written here never runs as it stands: planners put it into a
statement of their own, and that passes the Gate. This says early, and in the file's terms, what would be refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pluto_duck.catalog.model import Table
from pluto_duck.catalog.semantics.model import Metric, Term
from pluto_duck.errors import PlutoError, nearest
from pluto_duck.workspace.tableref import fold, quote

Bind = Callable[[str], None]
"""Has the Gate look at a statement and DuckDB bind it, without a row read. Raises PlutoError."""

MAX_NODES = 400
_PLAIN = re.compile(r"[A-Za-z_]\w*")


class Unusable(Exception):
    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


def checked_metric(metric: Metric, table: Table, bind: Bind) -> Metric:
    """With its SQL as DuckDB writes it. Raises Unusable."""
    expression, condition = _tree(metric.expression, table), _tree(metric.filter, table)
    _aggregated(expression)
    if condition is not None:
        _plain(condition, "filter")
    metric = replace(metric, expression=_text(expression), filter=_text(condition))
    where = f" WHERE {metric.filter}" if condition is not None else ""
    _bound(f"SELECT {metric.expression} FROM {_no_rows(table)}{where}", bind)
    return metric


def checked_term(term: Term, table: Table, bind: Bind) -> Term:
    """With its SQL as DuckDB writes it. Raises Unusable."""
    condition = _tree(term.filter, table)
    _plain(condition, "filter")
    term = replace(term, filter=_text(condition))
    _bound(f"SELECT 1 FROM {_no_rows(table)} WHERE {term.filter}", bind)
    return term


def _no_rows(table: Table) -> str:
    return f"(SELECT * FROM {table.ref.sql} LIMIT 0) AS {quote(table.ref.name)}"


def _bound(sql: str, bind: Bind) -> None:
    try:
        bind(sql)
    except PlutoError as error:
        raise Unusable(error.message.splitlines()[0], error.hint) from None


def _text(tree: Any) -> str:
    return "" if tree is None else str(tree.sql(dialect="duckdb"))


def _tree(text: str, table: Table) -> Any:
    """The expression, its columns written as the table has them; None for an empty text. Raises Unusable."""
    import sqlglot
    from sqlglot import expressions as exp

    if not text:
        return None
    try:
        found = sqlglot.parse(text, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        said = str(error).splitlines()[0] if isinstance(error, sqlglot.errors.SqlglotError) else "nested too deep"
        raise Unusable(f"This is not an SQL expression: {said}") from None
    if len(found) != 1 or found[0] is None:
        raise Unusable("There must be one SQL expression here.")
    tree = found[0]
    refused = (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Placeholder, exp.Parameter, exp.SessionParameter,
               exp.Window, exp.Alias, exp.Lambda, exp.Table, exp.Set, exp.Pragma, exp.Attach, exp.Copy)
    for count, node in enumerate(tree.walk()):
        if count > MAX_NODES:
            raise Unusable("The expression is too long.")
        if isinstance(node, refused):
            raise Unusable(f"{type(node).__name__} has no place in this expression.",
                           "Only columns of the table, functions and operators may stand here.")
        if isinstance(node, exp.Column):
            _column(node, table)
        elif isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            raise Unusable("* may stand in count(*) alone.")
    return tree


def _column(node: Any, table: Table) -> None:
    from sqlglot import expressions as exp

    if isinstance(node.this, exp.Star):
        raise Unusable("* may stand in count(*) alone.")
    if node.args.get("db") or (node.table and fold(node.table) != fold(table.ref.name)):
        raise Unusable(f"{node.sql(dialect='duckdb')} is no column of {table.ref}.",
                       "An expression speaks of one table; write a view for more.")
    there = {fold(one.name): one.name for one in table.every_column}
    name = there.get(fold(node.name))
    if name is None:
        close = nearest(node.name, there.values())
        raise Unusable(f'{table.ref} has no column "{node.name}".', f"Did you mean {close[0]}?" if close else "")
    node.set("table", None)
    node.set("this", exp.to_identifier(name, quoted=node.this.quoted or not _PLAIN.fullmatch(name)))


def _aggregated(tree: Any) -> None:
    """Every column stands inside an aggregate, and no aggregate inside another one."""
    from sqlglot import expressions as exp

    def inside(node: Any) -> bool:
        at = node.parent
        while at is not None:
            # count(*) FILTER (WHERE ...): the condition is a part of the aggregate, but stands beside it.
            if _is_aggregate(at) or (isinstance(at, exp.Filter) and not _is_aggregate(node)):
                return True
            at = at.parent
        return False

    found = False
    for node in tree.walk():
        if isinstance(node, exp.Column) and not inside(node):
            raise Unusable(f"{node.name} stands outside any aggregate.", "Write sum(...), avg(...) or another one.")
        if _is_aggregate(node):
            found = True
            if inside(node):
                raise Unusable("An aggregate can't stand inside another one.")
    if not found:
        raise Unusable("There is no aggregate in it.", "Write sum(...), count(*), avg(...) or another one.")


def _plain(tree: Any, what: str) -> None:
    for node in tree.walk():
        if _is_aggregate(node):
            raise Unusable(f"A {what} looks at one row: it can't hold an aggregate.")


_MORE = {"quantile", "mad", "product", "favg", "fsum", "kahan_sum", "sumkahan", "entropy", "mode", "bitstring_agg",
         "list", "histogram", "count_star", "any_value", "arbitrary", "geomean", "geometric_mean", "sem",
         "count_if", "countif", "bool_and", "bool_or", "string_agg", "group_concat", "listagg", "arg_max", "arg_min",
         "argmax", "argmin", "max_by", "min_by"}
"""Aggregates of DuckDB that sqlglot may not know as such."""


def _is_aggregate(node: Any) -> bool:
    from sqlglot import expressions as exp

    return isinstance(node, exp.AggFunc) or (isinstance(node, exp.Anonymous) and node.name.lower() in _MORE)
