"""Writes by roles: the grant of the action rules the columns, and the row before and after.

Which rows are meant is decided by what the actor reads; what may become of them, by the grant of the action itself.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, UsageError, unknown_name
from pluto_duck.governance.refusals import unseen_table
from pluto_duck.session.execute import NOT_IN_ARROW
from pluto_duck.session.rows.conditions import Conditions, rows_of
from pluto_duck.session.rows.model import All, Compare, Delete, Insert, Update
from pluto_duck.session.rows.shapes import Col, Shape
from pluto_duck.session.rows.texts import texts
from pluto_duck.session.rows.writing import Done, Writer
from pluto_duck.workspace.literals import to_sql
from pluto_duck.workspace.result import Column
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.governance.policy.model import Action
    from pluto_duck.session.rows.host import GovernedRows

_LOOKS = re.compile(r"(?i)\b(?:select|from|over|exists)\b")
"""What RETURNING can't do: a query of its own, or a look at the rows beside."""
MOST = 10_000
"""Rows that one change of a role may meet."""


class Governed(Writer):
    rows: GovernedRows

    def known(self, ref: TableRef) -> Shape:
        """A table that it does not read may still be one that it may add to."""
        seen = self.rows.seen(ref)
        if seen is not None:
            return super().known(ref)
        real = self.rows.real(ref)
        if real is None or not self._may("insert", real.ref):
            raise unseen_table(str(ref), self.rows.catalog.names_for(self.rows.actor))
        self.leave_views(real.ref)
        return Shape(real.ref, (), (), real.stored, real.source, where="false", barrier=True, select="NULL")

    def _may(self, action: Action, ref: TableRef) -> bool:
        return bool(self.rows.catalog.writable(action, ref, []))

    def apply(self, change: Insert | Update | Delete) -> Done:
        real, shape = self.rows.real(change.table), self.known(change.table)
        assert real is not None
        if isinstance(change, Insert):
            return self._inserted(change, real, shape)
        if not shape.key:
            raise UsageError(f"{shape.ref} has no primary key that its rows could be told by.", checked=True,
                             hint="Its rows can be read and appended.")
        return self._changed(change, real, shape)

    # -- insert -------------------------------------------------------------------------------------

    def _inserted(self, change: Insert, real: Shape, shape: Shape) -> Done:
        if change.on_conflict == "update":
            return self._upserted(change, real, shape)
        names = list(dict.fromkeys(fold(name) for row in change.rows for name in row))
        condition = self._right("insert", real, shape, names)
        sql = self.insert(real, change.rows, change.on_conflict)
        if self._tells_at_once(condition, real, shape):
            return self._told_at_once(sql, condition, real, shape)
        return self._held(lambda: self.returned(
            sql, real, "insert", appends=change.on_conflict == "error"), real, condition, shape)

    def _tells_at_once(self, condition: str, real: Shape, shape: Shape) -> bool:
        """Whether RETURNING can say both what the actor reads of the rows and whether they are those it may write:
        rows that it may write are those that it sees, and nothing of that looks into another row."""
        return (condition in ("", shape.where) and bool(shape.columns) and not self.follows(real)
                and not _LOOKS.search(f"{shape.where} {shape.select}")
                and not any(one.type in NOT_IN_ARROW for one in (*real.columns, *shape.columns)))

    def _told_at_once(self, sql: str, condition: str, real: Shape, shape: Shape) -> Done:
        """As `_held`, in one statement: a table of Arrow made readable and asked twice costs more than the INSERT."""
        seen = f"coalesce(({shape.where}), false)" if shape.where else "true"
        sql = f"{sql} RETURNING {shape.select}, {seen}"
        form = texts(shape.columns) if self.texts else None
        if form is not None:
            rows = self.cursor.fetchall(sql)
            done = Done(len(rows), texts=[form.of(row[:-1]) for row in rows if row[-1]])
        else:
            table = self.cursor.execute(sql).reader().read_all()
            kept = table.filter(table.column(table.num_columns - 1)).select(range(table.num_columns - 1))
            done = Done(table.num_rows, tuple(Column(one.name, one.type) for one in shape.columns),
                        kept.rename_columns([one.name for one in shape.columns]))
        if condition and done.known < done.affected:
            raise _not_such_a_row(real)
        return done

    def _upserted(self, change: Insert, real: Shape, shape: Shape) -> Done:
        if not shape.key:
            raise UsageError(f"{shape.ref} has no primary key that rows could conflict in.", checked=True)
        self.texts = False  # its rows become one table
        done: list[Done] = []
        for row in change.rows:
            values = {fold(name): value for name, value in row.items()}
            if any(values.get(fold(one)) is None for one in shape.key):
                raise UsageError(f"Each row needs its key: {', '.join(shape.key)}.", checked=True)
            where = All(tuple(Compare(one, "=", values[fold(one)]) for one in shape.key))
            rest = {name: value for name, value in row.items() if fold(name) not in {fold(one) for one in shape.key}}
            if self._met(where, shape):
                done.append(self._changed(Update(change.table, where, rest), real, shape) if rest else Done(0))
            else:
                done.append(self._inserted(Insert(change.table, (row,)), real, shape))
        tables = [one.table for one in done if one.table is not None]
        if not tables:
            return Done(sum(one.affected for one in done))
        import pyarrow

        return Done(sum(one.affected for one in done), done[-1].columns, pyarrow.concat_tables(tables))

    # -- update and delete --------------------------------------------------------------------------

    def _changed(self, change: Update | Delete, real: Shape, shape: Shape) -> Done:
        action: Action = "update" if isinstance(change, Update) else "delete"
        names = [*change.values, *change.reset] if isinstance(change, Update) else []
        condition = self._right(action, real, shape, names)
        self.expected(change, shape)
        keys = self._met(change.where, shape)
        if not keys:
            # The statement is still made: a bad value must not depend on whether there is a row.
            if isinstance(change, Update):
                self.sets(real, change)
            return Done(0, *self._nothing(shape))
        met = " OR ".join(f"({one})" for one in self._among(keys, real))
        if condition:
            refused = self.cursor.fetchall(f"SELECT count(*) FROM {real.source} WHERE ({met}) "
                                           f"AND NOT coalesce(({condition}), false)")[0][0]
            if refused:
                raise Refused(f"Your roles do not let you {action} {'this row' if len(keys) == 1 else 'these rows'} of "
                              f"{shape.ref}.", action=action, checked=True)
        if isinstance(change, Update):
            return self._held(lambda: self.updated(change, real, shape, met), real, condition, shape)
        return self._shown(self.returned(f"DELETE FROM {real.source} WHERE {met}", real, "delete"), shape)

    def _met(self, where: Any, shape: Shape) -> list[tuple[str, ...]]:
        """The keys, as text, of the rows that the actor sees and means."""
        key = ", ".join(f"CAST({quote(one)} AS VARCHAR)" for one in shape.key)
        found = self.cursor.fetchall(
            f"SELECT {key} {rows_of(shape, where, Conditions(shape, self.rows.tries))} LIMIT {MOST + 1}")
        if len(found) > MOST:
            raise UsageError(f"The change would meet more than {MOST:,} rows.", hint="Ask for fewer at once.",
                             checked=True)
        return [tuple(row) for row in found]

    def _among(self, keys: Sequence[tuple[str, ...]], real: Shape) -> list[str]:
        columns = [real.column(one) for one in real.key]
        if len(columns) == 1:
            values = ", ".join(self._key(columns[0], one[0]) for one in keys)
            return [f"{quote(columns[0].name)} IN ({values})"]
        return [" AND ".join(f"{quote(column.name)} = {self._key(column, text)}"
                             for column, text in zip(columns, one, strict=True)) for one in keys]

    @staticmethod
    def _key(column: Col, text: str) -> str:
        return f"CAST({to_sql({'t': 'str', 'v': text})} AS {column.type})"

    # -- rules --------------------------------------------------------------------------------------

    def _right(self, action: Action, real: Shape, shape: Shape, names: Iterable[str]) -> str:
        """The condition that rows must satisfy, before and after. A column of which the actor knows nothing is as
        unknown as one that is not there."""
        columns = []
        for name in names:
            column = real.known.get(fold(name))
            open_ = column is not None and (
                shape.has([name]) or self.rows.catalog.writable(action, real.ref, [column.name]))
            if column is None or not open_:
                shown = [one.name for one in shape.columns]
                raise unknown_name("column", name, shown, where=str(shape.ref))
            columns.append(column.name)
        return self.rows.catalog.right(action, real.ref, columns).condition

    def _held(self, write: Callable[[], pyarrow.Table], real: Shape, condition: str, shape: Shape) -> Done:
        """What the actor reads of what was written. Raises Refused where a row does not satisfy the condition; the
        caller rolls back."""
        if condition and any(one.type in NOT_IN_ARROW for one in real.columns):
            raise Refused(f"{real.ref} has a column of a type that a role's condition can't be held against.",
                          hint="The owner can write it.", checked=True)
        table = write()
        done = None
        if condition and condition == shape.where:
            # Rows that the actor may write are those it sees: all of them are there, or one does not satisfy it.
            done = self._shown(table, shape)
            if done.table is not None and done.table.num_rows == table.num_rows:
                return done
        if condition and table.num_rows:
            bad = self._asked(table, real, f"SELECT count(*) FROM {{rows}} WHERE NOT coalesce(({condition}), false)")
            if bad.column(0)[0].as_py():
                raise _not_such_a_row(real)
        return done or self._shown(table, shape)

    def _asked(self, table: pyarrow.Table, real: Shape, sql: str) -> pyarrow.Table:
        """A question over rows as if they were the table: conditions may name it."""
        name = f"pluto_in_{uuid.uuid4().hex}"
        self.cursor.register(name, table)
        try:
            casts = ", ".join(f"CAST({quote(one.name)} AS {one.type}) AS {quote(one.name)}" for one in real.columns)
            made = sql.replace("{rows}", f"(SELECT {casts} FROM temp.main.{name}) AS {quote(real.ref.name)}")
            return self.cursor.execute(made, select=True).reader().read_all()
        finally:
            self.cursor.unregister(name)

    def _shown(self, table: pyarrow.Table, shape: Shape) -> Done:
        """Of what was written, what the actor reads."""
        real = self.rows.real(shape.ref)
        assert real is not None
        if not shape.columns:
            return Done(table.num_rows)
        if any(one.type in NOT_IN_ARROW for one in real.columns):
            return Done(table.num_rows, *self._nothing(shape))
        columns = tuple(Column(one.name, one.type) for one in shape.columns)
        if not shape.where and all(one.plain for one in shape.columns):
            return Done(table.num_rows, columns, table.select([one.name for one in columns]))
        where = f" WHERE {shape.where}" if shape.where else ""
        picked = ", ".join(one.shown for one in shape.columns)
        seen = self._asked(table, real, f"SELECT {picked} FROM (SELECT {shape.select} FROM {{rows}}{where}) AS seen")
        return Done(table.num_rows, columns, seen)

    def _nothing(self, shape: Shape) -> tuple[tuple[Column, ...], pyarrow.Table]:
        picked = ", ".join(one.shown for one in shape.columns)
        empty = f"SELECT {picked} FROM (SELECT {shape.select} FROM {shape.source} WHERE false) AS seen"
        table = self.cursor.execute(empty, select=True).reader().read_all()
        return tuple(Column(one.name, one.type) for one in shape.columns), table


def _not_such_a_row(real: Shape) -> Refused:
    return Refused(f"Your roles do not let you write such a row to {real.ref}.",
                   hint="It must be one of those that they may write afterwards, too.", checked=True)
