"""A Form as SQL: built as a tree, so that no name or value is ever pasted into text."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.form import Condition, Field, Form, Having, Measure, Member, Order, Period
from pluto_duck.catalog import Column, Relation, Table
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


def sql(form: Form) -> str:
    """DuckDB SQL, on several lines."""
    return tree(form).sql(dialect="duckdb", pretty=True)


def tree(form: Form, *, alone: bool = False) -> exp.Select:
    """`alone`: nothing is shown beside what is selected, and in no order: for a query inside another one."""
    names = _Names(form)
    query = exp.select().from_(names.table(form.root))
    for join in form.joins:
        query = query.join(names.reference(join.parent.key), on=_meeting(join, names), join_type="inner")
    conditions = [_condition(one, names) for one in form.conditions]
    conditions += [exp.paren(exp.or_(*(_condition(one, names) for one in group))) for group in form.either]
    conditions += [_member(one, names) for one in form.members]
    conditions += [part for one in form.periods for part in _period(one, names)]
    for condition in conditions:
        query = query.where(condition, copy=False)
    return _shaped(query, form, names, alone)


def _meeting(join: Relation, names: _Names) -> Any:
    sides: list[Any] = [names.at(join.child.key, join.child_column), names.at(join.parent.key, join.parent_column)]
    if join.mixed:
        sides = [exp.TryCast(this=side, to=exp.DataType.build("DOUBLE"), safe=True) for side in sides]
    return exp.EQ(this=sides[0], expression=sides[1])


def _shaped(query: exp.Select, form: Form, names: _Names, alone: bool) -> exp.Select:
    used: set[str] = set()
    if form.rows:
        query = query.select(
            exp.Column(this=exp.Star(), table=names.alias(form.root)) if form.joins else exp.Star()
        )
    for field in form.select:
        query = query.select(_aliased(_field(field, names), _field_name(field, used), field))
    extra = [one.by for one in form.order if isinstance(one.by, Measure) and one.by not in form.measures]
    extra += [one.measure for one in form.having if one.measure not in form.measures]
    for measure in dict.fromkeys([*form.measures, *(extra if form.grouped and not alone else [])]):
        if form.share == "part":
            shown, alias = _part(measure, form, names), _told(f"share_of_{measure.table.ref.name.lower()}", used)
        else:
            shown, alias = _measure(measure, names), _measure_name(measure, used)
        query = query.select(exp.alias_(shown, alias, quoted=None))
    for further, name in _further(form, names):
        query = query.select(exp.alias_(further, _told(name, used), quoted=None))
    if form.grouped:
        query = query.group_by(*(_field(one, names) for one in form.select))
    for having in form.having:
        query = query.having(_having(having, names))
    orders = form.order or (() if alone else _natural_order(form))
    for order in orders:
        by = _measure(order.by, names) if isinstance(order.by, Measure) else _field(order.by, names)
        # Explicit, because the two DuckDB defaults and sqlglot's own need not agree.
        query = query.order_by(exp.Ordered(this=by, desc=order.descending, nulls_first=False))
    if form.limit is not None:
        query = query.limit(form.limit)
    return query.distinct() if form.distinct else query


def _told(name: str, used: set[str]) -> exp.Identifier:
    used.add(name)
    return identifier(name)


def _ratio(part: Any, whole: Any, form: Form) -> Any:
    """Nothing of nothing is no number."""
    ratio = exp.Div(this=part, expression=exp.Anonymous(this="nullif", expressions=[whole, exp.Literal.number(0)]))
    return exp.Mul(this=exp.Literal.number("100.0"), expression=exp.paren(ratio)) if form.percent else ratio


def _part(measure: Measure, form: Form, names: _Names) -> Any:
    """The rows for which the conditions hold, of all rows."""
    whole = _measure(measure, names)
    holds = exp.and_(*(_condition(one, names) for one in form.part))
    return _ratio(exp.Filter(this=whole, expression=exp.Where(this=holds)), whole.copy(), form)


def _further(form: Form, names: _Names) -> Iterator[tuple[Any, str]]:
    """Columns that look at the other groups."""
    for measure in form.measures:
        figure = _measure(measure, names)
        if form.share == "total":
            whole = exp.Window(this=exp.Sum(this=figure.copy()))
            yield _ratio(figure, whole, form), "percent" if form.percent else "share"
        if form.change:
            order = exp.Order(expressions=[exp.Ordered(this=_field(form.select[0], names), nulls_first=False)])
            before = exp.Window(this=exp.Anonymous(this="lag", expressions=[figure.copy()]), order=order)
            yield exp.Sub(this=figure.copy(), expression=before), "change"
            gone = exp.Anonymous(this="nullif", expressions=[before.copy(), exp.Literal.number(0)])
            yield exp.Sub(this=exp.Div(this=figure.copy(), expression=gone), expression=exp.Literal.number(1)), "growth"


def _natural_order(form: Form) -> tuple[Order, ...]:
    """Groups come in their own order, so that the same question always shows the same table."""
    return tuple(Order(field, False) for field in form.select) if form.grouped else ()


class _Names:
    """Aliases of the tables of one query: the table's own name, or with its schema when two are alike."""

    def __init__(self, form: Form) -> None:
        self._refs = {form.root.ref.key: form.root.ref}
        for join in form.joins:
            self._refs[join.parent.key] = join.parent
        self._several = len(self._refs) > 1

    def table(self, table: Table) -> exp.Table:
        return self.reference(table.ref.key)

    def reference(self, key: str) -> exp.Table:
        ref = self._refs[key]
        schema = None if ref.schema == DEFAULT_SCHEMA else identifier(ref.schema)
        return exp.Table(this=identifier(ref.name), db=schema)

    def alias(self, table: Table) -> exp.Identifier:
        return identifier(table.ref.name)

    def at(self, key: str, column: str) -> exp.Column:
        table = identifier(self._refs[key].name) if self._several else None
        return exp.Column(this=identifier(column), table=table)

    def column(self, table: Table, column: Column) -> exp.Column:
        return self.at(table.ref.key, column.name)


def identifier(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=not _PLAIN.match(name) or name in _RESERVED)


def _field(field: Field, names: _Names) -> Any:
    column = names.column(field.table, field.column)
    if field.grain is None:
        return column
    cut = exp.Anonymous(
        this="date_trunc", expressions=[exp.Literal.string(field.grain), _dated(column, field.column)]
    )
    return exp.cast(cut, "DATE", dialect="duckdb")


def _dated(column: exp.Expression, about: Column) -> Any:
    return exp.cast(column, "TIMESTAMP", dialect="duckdb") if about.text_date else column


def _measure(measure: Measure, names: _Names) -> Any:
    if measure.function == "count":
        return exp.Count(this=exp.Star())
    assert measure.column is not None
    column = names.column(measure.table, measure.column)
    if measure.function == "count_distinct":
        return exp.Count(this=exp.Distinct(expressions=[column]))
    kinds = {"sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max}
    return kinds[measure.function](this=column)


def _condition(condition: Condition, names: _Names) -> Any:
    column = names.column(condition.field.table, condition.field.column)
    values = [_literal(value) for value in condition.values]
    if condition.field.column.type.startswith(("DATE", "TIMESTAMP")) or condition.field.column.text_date:
        values = [exp.cast(value, "DATE", dialect="duckdb") for value in values]
        column = _dated(column, condition.field.column)
    operator = condition.operator
    if operator in ("in", "not in"):
        inside = exp.In(this=column, expressions=values)
        return exp.Not(this=inside) if operator == "not in" else inside
    if operator == "between":
        return exp.Between(this=column, low=values[0], high=values[1])
    if operator in ("contains", "starts", "ends"):
        text = re.sub(r"([\\%_])", r"\\\1", str(condition.values[0]))
        pattern = f"{'' if operator == 'starts' else '%'}{text}{'' if operator == 'ends' else '%'}"
        like = exp.ILike(this=column, expression=exp.Literal.string(pattern))
        return exp.Escape(this=like, expression=exp.Literal.string("\\")) if "\\" in pattern else like
    kinds = {"=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
    return kinds[operator](this=column, expression=values[0])


def _member(member: Member, names: _Names) -> Any:
    inner = exp.Subquery(this=tree(member.among, alone=True))
    inside = exp.In(this=names.column(member.field.table, member.field.column), query=inner)
    return exp.Not(this=inside) if member.negated else inside


def _overall(measure: Measure) -> Any:
    """The value of a measure over a whole table."""
    return exp.Subquery(this=tree(Form(measure.table, (), (), (measure,))))


def _literal(value: str | int | float | Measure) -> Any:
    if isinstance(value, Measure):
        return _overall(value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    return exp.Literal.number(int(value) if float(value).is_integer() else value)


def _having(having: Having, names: _Names) -> Any:
    kinds = {"=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
    return kinds[having.operator](this=_measure(having.measure, names), expression=_literal(having.value))


def _period(period: Period, names: _Names) -> list[Any]:
    parts = {column.part: names.column(period.table, column) for column in period.columns if column.part}
    if not parts:
        column = period.columns[0]
        return _on_date(period, _dated(names.column(period.table, column), column))
    if period.side == "in":
        return _on_parts(period.first, parts)
    if set(parts) >= {"year", "month", "day"}:
        whole = exp.Anonymous(this="make_date", expressions=[parts["year"], parts["month"], parts["day"]])
        if any(day.month or day.quarter for day in (period.first, period.last) if day):
            return _on_date(period, whole)
    year = parts["year"]
    bound = exp.Literal.number(period.first.year)
    if period.side == "between":
        assert period.last is not None
        return [exp.Between(this=year, low=bound, high=exp.Literal.number(period.last.year))]
    kinds = {"since": exp.GTE, "after": exp.GT, "before": exp.LT, "until": exp.LTE}
    return [kinds[period.side](this=year, expression=bound)]


def _on_parts(day: Day, parts: dict[Any, exp.Column]) -> list[Any]:
    found: list[Any] = []
    for name in ("year", "month", "day"):
        value = getattr(day, name)
        if value is not None:
            found.append(exp.EQ(this=parts[name], expression=exp.Literal.number(value)))
    if day.quarter is not None:
        if "quarter" in parts:
            found.append(exp.EQ(this=parts["quarter"], expression=exp.Literal.number(day.quarter)))
        else:
            found.append(
                exp.Between(
                    this=parts["month"],
                    low=exp.Literal.number(3 * day.quarter - 2),
                    high=exp.Literal.number(3 * day.quarter),
                )
            )
    return found


def _on_date(period: Period, column: exp.Expression) -> list[Any]:
    first, last = period.first, period.last
    if first.year is None:
        found: list[Any] = []
        for name in ("quarter", "month", "day"):
            value = getattr(first, name)
            if value is not None:
                part = exp.Anonymous(this=name, expressions=[column.copy()])
                found.append(exp.EQ(this=part, expression=exp.Literal.number(value)))
        return found

    def compare(kind: type[exp.Binary], day: datetime.date) -> Any:
        return kind(
            this=column.copy(),
            expression=exp.cast(exp.Literal.string(day.isoformat()), "DATE", dialect="duckdb"),
        )

    if period.side == "since":
        return [compare(exp.GTE, first.first())]
    if period.side == "after":
        return [compare(exp.GTE, first.after())]
    if period.side == "before":
        return [compare(exp.LT, first.first())]
    if period.side == "until":
        return [compare(exp.LT, first.after())]
    return [compare(exp.GTE, first.first()), compare(exp.LT, (last or first).after())]


def _field_name(field: Field, used: set[str]) -> str | None:
    name = field.grain or field.column.name
    if name in used:
        name = f"{field.table.ref.name}_{name}"
    used.add(name)
    return name


def _aliased(expression: exp.Expression, name: str | None, field: Field) -> Any:
    if name is None or (field.grain is None and name == field.column.name):
        return expression
    return exp.Alias(this=expression, alias=identifier(name))


def _measure_name(measure: Measure, used: set[str]) -> exp.Identifier:
    if measure.function == "count":
        name = measure.table.ref.name.lower()
    else:
        assert measure.column is not None
        prefix = {"count_distinct": "distinct", "sum": "total", "avg": "average"}.get(
            measure.function, measure.function
        )
        name = f"{prefix}_{measure.column.name}"
    name = name if name not in used else f"number_of_{name}"
    used.add(name)
    return identifier(name)
