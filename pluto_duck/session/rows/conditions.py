"""Conditions as SQL over the columns that an actor sees, and which of them may run beside the policy's own.

Every comparison is between a column as it is and a literal of its very type, so that none can fail on a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.session.rows.model import OPERATORS, All, Compare, Condition, Keyed, Not
from pluto_duck.session.rows.shapes import Col, Shape
from pluto_duck.session.rows.values import Tries, literal
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.tableref import fold, quote

MOST_PARTS = 2_000
DEEPEST = 50
MOST_VALUES = 10_000

_PLAIN = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
          "is distinct from": "IS DISTINCT FROM", "is not distinct from": "IS NOT DISTINCT FROM"}
_PATTERNS = {"like": "LIKE", "not like": "NOT LIKE", "ilike": "ILIKE", "not ilike": "NOT ILIKE"}
_PARTS = {"contains": "contains", "starts with": "starts_with", "ends with": "ends_with"}
_SAFE = frozenset({*_PLAIN, "in", "not in", "is null", "is not null"})
_NO_ORDER = ("<", "<=", ">", ">=")


class Conditions:
    """Of one statement on one table."""

    def __init__(self, shape: Shape, tries: Tries) -> None:
        self._shape = shape
        self._tries = tries
        self._count = 0

    def sql(self, condition: Condition, depth: int = 0) -> str:
        self._count += 1
        if self._count > MOST_PARTS or depth > DEEPEST:
            raise UsageError("The condition has too many parts.", hint=f"At most {MOST_PARTS}, {DEEPEST} deep.")
        if isinstance(condition, Compare):
            return self._compare(condition)
        if isinstance(condition, Keyed):
            parts = [f"({quote(column.name)} = {self.literal(column, part)})"
                     for column, part in zip(*key_of(self._shape, condition.parts), strict=True)]
            return f"({' AND '.join(parts)})"
        if isinstance(condition, Not):
            return f"(NOT {self.sql(condition.of, depth + 1)})"
        joint, empty = (" AND ", "true") if isinstance(condition, All) else (" OR ", "false")
        return f"({joint.join(self.sql(one, depth + 1) for one in condition.of)})" if condition.of else empty

    def literal(self, column: Col, value: object) -> str:
        return literal(column.type, value, column.name, self._tries)

    def _compare(self, one: Compare) -> str:
        column = self._shape.column(one.column)
        name, op, value = quote(column.name), one.op, one.value
        if op not in OPERATORS:
            raise unknown_name("comparison", str(op), OPERATORS)
        if op in ("is null", "is not null"):
            return f"({name} {op.upper()})"
        if op in _PLAIN:
            return f"({name} {_PLAIN[op]} {self.literal(column, value)})"
        if op in ("in", "not in"):
            return self._among(column, op, value)
        if column.type != "VARCHAR":
            raise UsageError(f'"{op}" compares texts; the column "{column.name}" is {column.type[:80]}.',
                             column=column.name)
        text = self.literal(column, value)
        if op in _PARTS:
            return f"system.main.{_PARTS[op]}({name}, {text})"
        return f"({name} {_PATTERNS[op]} {text})"

    def _among(self, column: Col, op: str, value: object) -> str:
        if not isinstance(value, list | tuple):
            raise UsageError(f'"{op}" takes a list of values.', column=column.name)
        if len(value) > MOST_VALUES:
            raise UsageError(f'"{op}" takes {MOST_VALUES:,} values at most.', column=column.name)
        listed = ", ".join(dict.fromkeys(self.literal(column, one) for one in value))
        if not listed:
            return "true" if op == "not in" else "false"
        return f"({quote(column.name)} {op.upper()} ({listed}))"


def key_of(shape: Shape, parts: Sequence[str]) -> tuple[list[Col], list[str]]:
    """The columns of the primary key, and for each its text. Raises UsageError where there are not as many."""
    if not shape.key:
        raise UsageError(f"{shape.ref} has no primary key that could name a row.", checked=True, table=str(shape.ref),
                         hint="Its rows can be listed with conditions; ALTER TABLE ... ADD PRIMARY KEY gives it one.")
    columns, given = [shape.column(one) for one in shape.key], list(parts)
    if len(columns) == 1:
        given = [",".join(given)]  # a comma of the value itself
    if len(given) != len(columns):
        raise UsageError(f"The key of {shape.ref} has {len(columns)} parts: {', '.join(shape.key)}.", checked=True,
                         hint="Write them with commas between; a comma within one is %2C.")
    return columns, given


def conjuncts(condition: Condition | None) -> list[Condition]:
    """What must all hold."""
    if condition is None:
        return []
    if isinstance(condition, All):
        return [part for one in condition.of for part in conjuncts(one)]
    return [condition]


def harmless(condition: Condition, shape: Shape) -> bool:
    """Whether it may stand beside the policy, on rows that the actor does not see: it can't fail there, and names
    nothing but what the table holds, unmasked."""
    if isinstance(condition, Compare):
        column = shape.known.get(fold(condition.column))
        return column is not None and column.plain and condition.op in _SAFE
    if isinstance(condition, Keyed):
        return True  # all of it is seen as it is
    if isinstance(condition, Not):
        return harmless(condition.of, shape)
    return all(harmless(one, shape) for one in condition.of)


def rows_of(shape: Shape, condition: Condition | None, conditions: Conditions, columns: Sequence[Col] = (), *,
            more: Iterable[str] = ()) -> str:
    """`FROM ... WHERE ...`: the rows that the actor sees and that the conditions keep; `more`: conditions in SQL of
    ours over what the actor sees."""
    inside, outside = list[str](), list(more)
    for one in conjuncts(condition):
        place = inside if shape.barrier and shape.stored and harmless(one, shape) else outside
        place.append(conditions.sql(one))
    kept = f" WHERE {' AND '.join(outside)}" if outside else ""
    if shape.select == "*" and not shape.barrier:
        return f"FROM {shape.source}{kept}"
    source, policy = shape.source, [f"({shape.where})"] if shape.where else []
    if inside and shape.renamable:
        # Before the policy, not beside it: then the index of a key is used (18 against 1.5 ms for 8 keys of 100,000).
        source = f"(SELECT * FROM {source} WHERE {' AND '.join(inside)} OFFSET 0) AS {quote(shape.ref.name)}"
    else:
        policy += inside
    within = f" WHERE {' AND '.join(policy)}" if policy else ""
    # OFFSET 0 keeps the optimiser from running what stands outside on rows that the policy hides.
    barrier = " OFFSET 0" if shape.barrier else ""
    return f"FROM (SELECT {shape.select} FROM {source}{within}{barrier}) AS seen{kept}"


def text_literal(column: Col, text: str | None, tries: Tries) -> str:
    """A value of a cursor, as DuckDB wrote it."""
    if text is None:
        return "NULL"
    made = f"CAST({to_sql({'t': 'str', 'v': text})} AS {column.type})"
    if not tries(f"TRY_{made}"):
        raise UsageError("This is no cursor of these rows.", hint="Take the next one from the page before.")
    return made
