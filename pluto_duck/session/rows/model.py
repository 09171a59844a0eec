"""What may be asked of a table and done to it, as plain data: JSON both ways, and no SQL in it.

Values are Python's or JSON's: a decimal, a date or a whole number beyond 2^53 may come as text, and is read as the type
of the column it stands beside.
"""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pluto_duck.errors import UsageError
from pluto_duck.workspace.result import Result
from pluto_duck.workspace.tableref import TableRef

Json = Any

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "not like", "ilike", "not ilike", "contains",
             "starts with", "ends with", "is null", "is not null", "is distinct from", "is not distinct from")
"""`contains`, `starts with` and `ends with` take text as it is; only `like` and `ilike` know % and _."""

FUNCTIONS = ("count", "count distinct", "sum", "avg", "min", "max")


@dataclass(frozen=True)
class Compare:
    """As in SQL: nothing is equal to NULL but by `is null` and `is not distinct from`."""

    column: str
    op: str
    value: Any = None


@dataclass(frozen=True)
class All:
    of: tuple[Condition, ...]
    """True where there are none."""


@dataclass(frozen=True)
class AnyOf:
    of: tuple[Condition, ...]
    """False where there are none."""


@dataclass(frozen=True)
class Not:
    of: Condition


@dataclass(frozen=True)
class Keyed:
    """The row with this primary key, its parts as text."""

    parts: tuple[str, ...]


Condition = Compare | All | AnyOf | Not | Keyed


@dataclass(frozen=True)
class Order:
    """NULLs come last, either way."""

    column: str
    descending: bool = False


@dataclass(frozen=True)
class Select:
    table: TableRef
    columns: tuple[str, ...] | None = None
    """None: all that the actor sees, in the order of the table."""
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    after: tuple[str | None, ...] | None = None
    """`Page.next` of the page before; the order must be the same one."""
    each: tuple[tuple[str, ...], int | None] | None = None
    """(columns, limit): so many rows at most for each set of values in these columns. Then `offset`, too, counts
    within each set, and `limit` all rows."""


@dataclass(frozen=True)
class Measure:
    function: Literal["count", "count distinct", "sum", "avg", "min", "max"]
    column: str | None = None
    """None: of rows, for count alone."""
    name: str = ""
    """Of the column in the result; "" for a name made of both."""

    @property
    def called(self) -> str:
        return self.name or "_".join([self.function.replace(" ", "_"), *([self.column] if self.column else [])])


@dataclass(frozen=True)
class Aggregate:
    """A row for each set of values in `group_by`, which come first; one row where that is empty."""

    table: TableRef
    measures: tuple[Measure, ...]
    group_by: tuple[str, ...] = ()
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    """By columns of the result."""
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class Insert:
    table: TableRef
    rows: tuple[Mapping[str, Any], ...]
    """A column that a row does not name gets its default."""
    on_conflict: Literal["error", "ignore", "update"] = "error"
    """Where the primary key is there already; `update` sets the columns that the rows name."""


@dataclass(frozen=True)
class Update:
    table: TableRef
    where: Condition
    values: Mapping[str, Any]
    """Columns that it does not name stay as they are, but for those in `reset`."""
    reset: tuple[str, ...] = ()
    """Columns that get their default."""
    expect: tuple[str, ...] | None = None
    """Raises PreconditionFailed unless all rows it would change have one of these tags (`rows.tags`); ("*",): any,
    but there must be one."""


@dataclass(frozen=True)
class Delete:
    table: TableRef
    where: Condition
    expect: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Put:
    """The whole row of this key: made, or all that the actor sees of it replaced."""

    table: TableRef
    key: tuple[str, ...]
    values: Mapping[str, Any]
    """Columns that it does not name get their default; key columns must say the same as `key`."""
    expect: tuple[str, ...] | None = None
    """As in `Update`; () for: there must be no such row yet."""


Change = Insert | Update | Delete | Put


@dataclass(frozen=True)
class Changed:
    affected: int
    rows: Result | None
    """Those written, as the actor sees them, or those deleted; None where they are not known any more, because the
    change had been made before with the same token."""
    version: int
    """Of the table, from now on; in an open transaction as it was."""
    created: bool = False
    """By a Put: the row was not there."""
    key: tuple[str, ...] = ()
    """The primary key, as far as the actor sees it."""
    texts: tuple[tuple[str, str], ...] | None = None
    """The rows as (JSON object, tag), where they were asked for so; `rows` is None then."""


@dataclass(frozen=True)
class Page:
    """Rows, and where the next ones begin."""

    result: Result
    next: tuple[str | None, ...] | None
    """None where there are no more, or where there is no key to go on by; for `Select.after`."""
    version: int
    """Of the table."""


@dataclass(frozen=True)
class Found:
    """What was found by keys."""

    result: Result
    at: tuple[int | None, ...]
    """For each key the row of `result`, None where there is none."""
    errors: Mapping[int, UsageError]
    """For each key that is none: a value that its column can't hold."""
    key: tuple[str, ...]
    version: int


@dataclass(frozen=True)
class TextsFound:
    """The same as JSON."""

    rows: tuple[tuple[str, str] | None, ...]
    """For each key (JSON object, tag), None where there is no row."""
    errors: Mapping[int, UsageError]
    version: int


# -- as JSON ------------------------------------------------------------------------------------------

def plain(value: Any) -> Json:
    """A value as JSON has it, with all its digits. Raises UsageError for what no column holds."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError("A text is not valid Unicode.", hint="It holds half of a character.") from None
        return value
    if isinstance(value, float):
        return value if value - value == 0 else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return f"P{value.days}DT{value.seconds}.{value.microseconds:06}S"
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    raise UsageError(f"A {type(value).__name__} is no value of a column.", hint="Give text, numbers, lists, objects.")


def condition_to(condition: Condition | None) -> Json:
    if condition is None:
        return None
    if isinstance(condition, Compare):
        return {"compare": [condition.column, condition.op, plain(condition.value)]}
    if isinstance(condition, Keyed):
        return {"key": list(condition.parts)}
    if isinstance(condition, Not):
        return {"not": condition_to(condition.of)}
    return {"all" if isinstance(condition, All) else "any": [condition_to(one) for one in condition.of]}


def condition_from(told: Json) -> Condition | None:
    if told is None:
        return None
    (kind, of), = told.items()
    if kind == "compare":
        return Compare(*of)
    if kind == "key":
        return Keyed(tuple(of))
    if kind == "not":
        return Not(_condition(of))
    return (All if kind == "all" else AnyOf)(tuple(_condition(one) for one in of))


def _condition(told: Json) -> Condition:
    found = condition_from(told)
    assert found is not None
    return found


def _table(table: TableRef) -> Json:
    return [table.schema, table.name]


def _order(order: Iterable[Order]) -> Json:
    return [[one.column, one.descending] for one in order]


def to_dict(wanted: Select | Aggregate | Change) -> dict[str, Json]:
    """What crosses to the host."""
    if isinstance(wanted, Select):
        return {"select": {
            "table": _table(wanted.table), "columns": None if wanted.columns is None else list(wanted.columns),
            "where": condition_to(wanted.where), "order": _order(wanted.order), "limit": wanted.limit,
            "offset": wanted.offset, "after": None if wanted.after is None else list(wanted.after),
            "each": None if wanted.each is None else [list(wanted.each[0]), wanted.each[1]]}}
    if isinstance(wanted, Aggregate):
        return {"aggregate": {
            "table": _table(wanted.table), "measures": [[m.function, m.column, m.name] for m in wanted.measures],
            "group_by": list(wanted.group_by), "where": condition_to(wanted.where), "order": _order(wanted.order),
            "limit": wanted.limit, "offset": wanted.offset}}
    if isinstance(wanted, Insert):
        return {"insert": {"table": _table(wanted.table), "rows": [_named(one) for one in wanted.rows],
                           "on_conflict": wanted.on_conflict}}
    expect = None if wanted.expect is None else list(wanted.expect)
    if isinstance(wanted, Put):
        return {"put": {"table": _table(wanted.table), "key": list(wanted.key), "values": _named(wanted.values),
                        "expect": expect}}
    where = condition_to(wanted.where)
    if isinstance(wanted, Update):
        return {"update": {"table": _table(wanted.table), "where": where, "values": _named(wanted.values),
                           "reset": list(wanted.reset), "expect": expect}}
    return {"delete": {"table": _table(wanted.table), "where": where, "expect": expect}}


def _named(row: Mapping[str, Any]) -> Json:
    return {str(name): plain(value) for name, value in row.items()}


def select_from(told: Mapping[str, Json]) -> Select | Aggregate:
    (kind, of), = told.items()
    order = tuple(Order(column, bool(descending)) for column, descending in of["order"])
    table, where = _ref(of["table"]), condition_from(of["where"])
    if kind == "aggregate":
        return Aggregate(table, tuple(Measure(*one) for one in of["measures"]), tuple(of["group_by"]), where, order,
                         of["limit"], of["offset"])
    return Select(table, _tuple(of["columns"]), where, order, of["limit"], of["offset"], _tuple(of["after"]),
                  None if of["each"] is None else (tuple(of["each"][0]), of["each"][1]))


def change_from(told: Mapping[str, Json]) -> Change:
    (kind, of), = told.items()
    table = _ref(of["table"])
    if kind == "insert":
        return Insert(table, tuple(of["rows"]), of["on_conflict"])
    if kind == "put":
        return Put(table, tuple(of["key"]), of["values"], _tuple(of["expect"]))
    where = _condition(of["where"])
    if kind == "update":
        return Update(table, where, of["values"], tuple(of["reset"]), _tuple(of["expect"]))
    return Delete(table, where, _tuple(of["expect"]))


def _ref(table: Sequence[str]) -> TableRef:
    return TableRef(table[1], table[0])


def _tuple(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)
