"""The typed form between words and SQL. Restatement, assumptions and SQL are all made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.catalog import Column, Relation, Table

Function = Literal["count", "count_distinct", "sum", "avg", "min", "max"]
Grain = Literal["year", "quarter", "month", "week", "day"]
Operator = Literal["=", "<>", "<", "<=", ">", ">=", "in", "not in", "between", "contains", "starts", "ends"]
Side = Literal["in", "since", "after", "before", "until", "between"]
Literal_ = str | int | float


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
    value: int | float


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
    share: Literal["", "total", "part"] = ""
    """total: each group's part of the whole; part: that of the rows for which `part` holds."""
    percent: bool = False
    part: tuple[Condition, ...] = ()
    change: bool = False
    """Beside each measure, how it differs from that of the period before."""

    @property
    def grouped(self) -> bool:
        return bool(self.select) and bool(
            self.measures or self.having or any(isinstance(one.by, Measure) for one in self.order)
        )
