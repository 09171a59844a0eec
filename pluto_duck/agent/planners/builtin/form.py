"""The typed form between words and SQL. Restatement, assumptions and SQL are all made from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.catalog import Column, Metric, Relation, Table, Term

Function = Literal["count", "count_distinct", "sum", "avg", "min", "max", "median", "quantile", "metric"]
Grain = Literal["year", "quarter", "month", "week", "day", "weekday", "hour"]
Operator = Literal["=", "<>", "<", "<=", ">", ">=", "in", "not in", "between", "contains", "starts", "ends",
                   "missing", "present"]
Side = Literal["in", "since", "after", "before", "until", "between"]
Literal_ = str | int | float
_ADDS_UP = re.compile(r"^([\d.]+ \* )?(sum\([^()]*\)|count\(\*\)|count\((?!distinct)[^()]*\))( [*/] [\d.]+)*$")


@dataclass(frozen=True)
class Field:
    """A column as it is used: of which table, and cut to which part of a date."""

    table: Table
    column: Column
    grain: Grain | None = None


@dataclass(frozen=True)
class Measure:
    function: Function
    table: Table
    """Whose rows are counted or measured."""
    column: Column | None = None
    """None: the rows themselves."""
    metric: Metric | None = None
    """A figure with a name, of the semantic file; its function is "metric"."""
    at: float = 0.5
    """Which quantile."""

    @property
    def adds_up(self) -> bool:
        """The figures of the parts make that of the whole."""
        if self.metric is not None:
            return _ADDS_UP.match(self.metric.expression.lower()) is not None
        return self.function in ("count", "sum")


@dataclass(frozen=True)
class Named:
    """Rows for which a condition with a name holds, or doesn't: active customers."""

    table: Table
    term: Term
    negated: bool = False


@dataclass(frozen=True)
class Condition:
    field: Field
    operator: Operator
    values: tuple[Literal_ | Measure, ...]
    """A measure stands for its value over all rows of its table: above the average."""

    def among(self, values: tuple[Literal_ | Measure, ...]) -> Condition:
        """The same with other values; only for a condition on one or several equal values."""
        negated = self.operator in ("<>", "not in")
        operator: Operator = ("<>" if negated else "=") if len(values) == 1 else ("not in" if negated else "in")
        return Condition(self.field, operator, values)


@dataclass(frozen=True)
class Period:
    """Rows whose date lies in, before or after a day, month, quarter or year."""

    table: Table
    columns: tuple[Column, ...]
    """One date column; or the integer columns for year, month, day that the table has."""
    side: Side
    first: Day
    last: Day | None = None


@dataclass(frozen=True)
class Having:
    measure: Measure
    operator: Operator
    value: int | float | Literal["avg", "median"]
    """avg: the average of all groups."""


@dataclass(frozen=True)
class Facet:
    """One of the things that stand side by side: a time, or the rows of a condition."""

    label: str
    periods: tuple[Period, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Order:
    by: Measure | Field
    descending: bool


@dataclass(frozen=True)
class Member:
    """Rows whose field is, or is not, among those that another form finds: customers who never ordered."""

    field: Field
    among: Form
    """Selects one field."""
    negated: bool


@dataclass(frozen=True)
class Form:
    root: Table
    """Every other table is reached from here by joins that never multiply its rows."""
    joins: tuple[Relation, ...]
    """In an order in which each child is already there."""
    select: tuple[Field, ...]
    measures: tuple[Measure, ...] = ()
    conditions: tuple[Condition, ...] = ()
    periods: tuple[Period, ...] = ()
    having: tuple[Having, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    distinct: bool = False
    rows: bool = False
    """Whole rows of the root are asked for."""
    either: tuple[tuple[Condition, ...], ...] = ()
    """Of each group one condition has to hold."""
    members: tuple[Member, ...] = ()
    share: Literal["", "total", "within", "part", "top"] = ""
    """Each group's part of the whole, or of those with the same `within`; the part of the rows for which `part`
    holds; the part that the first `limit` groups have together."""
    percent: bool = False
    part: tuple[Condition | Named, ...] = ()
    within: tuple[Field, ...] = ()
    change: Literal["", "before", "year"] = ""
    """Beside each measure, how it differs from that of the period before, or of a year earlier."""
    terms: tuple[Named, ...] = ()
    spans: tuple[tuple[Period, ...], ...] = ()
    """Of each group one has to hold: in 2023 or 2024."""
    each: tuple[Field, ...] = ()
    """`limit` counts within each of these, not over all."""
    running: bool = False
    """Beside each measure, its sum from the first period on."""
    typical: Literal["", "avg", "median", "min", "max"] = ""
    over: tuple[Field, ...] = ()
    """The measure is taken for each of these first, and then `typical` of that: the average monthly revenue."""
    sides: tuple[Facet, ...] = ()
    """The measure of each of them, in columns."""
    beside: tuple[Form, ...] = ()
    """Other figures by the same fields, from other tables."""
    quotient: bool = False
    """The first figure divided by the second one is asked for."""

    @property
    def grouped(self) -> bool:
        return bool(self.select) and bool(
            self.measures or self.having or any(isinstance(one.by, Measure) for one in self.order)
        )
