"""Writing rows in the host: each group of changes is a transaction, those that wait together share one."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Conflict, PlutoError, PreconditionFailed, Refused, StatementError, UsageError
from pluto_duck.events.recording import Recording
from pluto_duck.events.writes import Verb, Write
from pluto_duck.governance.binding import Bound
from pluto_duck.session.rows import referenced
from pluto_duck.session.rows.conditions import Conditions, key_of, rows_of
from pluto_duck.session.rows.model import Change, Condition, Delete, Insert, Keyed, Put, Select, Update
from pluto_duck.session.rows.reading import select
from pluto_duck.session.rows.shapes import Col, Shape
from pluto_duck.session.rows.tags import tags
from pluto_duck.session.rows.texts import Odd, Text
from pluto_duck.session.rows.values import literal
from pluto_duck.session.rows.violations import explained
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.result import Column
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.session.rows.host import OwnersRows

_KINDS: dict[Verb, str] = {"insert": "INSERT", "upsert": "INSERT", "update": "UPDATE", "delete": "DELETE"}
CONFLICT_TRIES = 6
Group = tuple[list[Change], str]
"""Changes, all or nothing, and the token of their commit."""


@dataclass
class Done:
    affected: int
    columns: tuple[Column, ...] = ()
    table: pyarrow.Table | None = None
    version: int = 0
    created: bool = False
    key: tuple[str, ...] = ()
    texts: list[Text] | None = None
    """The rows as JSON and tags, instead of a table."""

    @property
    def known(self) -> int:
        """Rows that are told."""
        return len(self.texts) if self.texts is not None else self.table.num_rows if self.table is not None else 0

    def part(self, i: int) -> Done:
        """That of one of its rows."""
        return Done(1, self.columns, None if self.table is None else self.table.slice(i, 1), key=self.key,
                    texts=None if self.texts is None else self.texts[i:i + 1])


class Writer(abc.ABC):
    """Of one call."""

    def __init__(self, rows: OwnersRows, *, texts: bool = False) -> None:
        """`texts`: rows are rather told as JSON, where that tells all of them."""
        self.rows = rows
        self.texts = texts
        self.recording: Recording | None = None
        """Of the transaction that it writes in."""

    @property
    def cursor(self) -> Cursor:
        return self.rows.cursor()

    @abc.abstractmethod
    def apply(self, change: Insert | Update | Delete) -> Done: ...

    def put(self, change: Put) -> Done:
        """Updates the row of the key where the actor sees it, else makes it."""
        shape = self.known(change.table)
        columns, parts = key_of(shape, change.key)
        given = {fold(name): value for name, value in change.values.items()}
        for column, part in zip(columns, parts, strict=True):
            if fold(column.name) in given and (self.literal(column, given[fold(column.name)])
                                               != self.literal(column, part)):
                raise UsageError(f'"{column.name}" is not what the address says.', column=column.name, checked=True)
        where, key = Keyed(change.key), {fold(one.name) for one in columns}
        rest = {name: value for name, value in change.values.items() if fold(name) not in key}
        seen = select(Select(change.table, (columns[0].name,), where), shape, self.rows.tries)
        there = bool(self.cursor.fetchall(seen.sql))
        if there and change.expect != ():
            reset = tuple(one.name for one in shape.columns if one.plain and fold(one.name) not in key | set(given))
            if not rest and not reset:
                self.expected(Update(change.table, where, {}, expect=change.expect), shape)
                return self.apply(Insert(change.table, (dict(zip(shape.key, parts, strict=True)),), "ignore"))
            return self.apply(Update(change.table, where, rest, reset, change.expect))
        if there or change.expect:
            raise PreconditionFailed(f"There is {'a' if there else 'no such'} row in {shape.ref}.", checked=True,
                                     hint="If-None-Match: * makes rows, If-Match replaces them.")
        done = self.apply(Insert(change.table, ({**rest, **dict(zip(shape.key, parts, strict=True))},)))
        done.created = True
        return done

    # -- transactions -------------------------------------------------------------------------------

    def all(self, groups: Sequence[Group], *, again: bool) -> list[list[Done] | PlutoError]:
        """Together where all of them can be; else each by itself, so that none fails for another's sake."""
        outcomes: list[list[Done] | PlutoError | None] = [self._before(group) if again else None for group in groups]
        left = [i for i, one in enumerate(outcomes) if one is None]
        if len(left) > 1:
            try:
                for i, done in zip(left, self._together([groups[i] for i in left]), strict=True):
                    outcomes[i] = done
                left = []
            except PlutoError as error:
                if error.facts.get("fatal"):
                    raise
        for i in left:
            try:
                outcomes[i] = self._together([groups[i]])[0]
            except PlutoError as error:
                if error.facts.get("fatal"):
                    raise
                outcomes[i] = self.rows.session._told(error, Bound("", ""))
        return [one for one in outcomes if one is not None]

    def _before(self, group: Group) -> list[Done] | None:
        """What it came to, if its token has committed."""
        changes, token = group
        found = self.rows.handler.ledger.find(self.cursor, token)
        if not any(found.values()):
            return None  # what changed nothing may be tried again, and find something to change
        return [Done(found.get(i) or 0, version=self.rows.version(one.table)) for i, one in enumerate(changes)]

    def _together(self, groups: Sequence[Group]) -> list[list[Done]]:
        session, handler = self.rows.session, self.rows.handler
        if session._transaction is not None:
            self.recording, self.texts = session._recording, False
            done = [[self._one(change) for change in changes] for changes, _token in groups]
            session._transaction |= self._keys(groups)
            return done
        self.rows.session._running.on(self.cursor)
        for attempt in range(CONFLICT_TRIES):
            self.recording = session._capturing.recording()
            self.cursor.execute("BEGIN TRANSACTION")
            try:
                done = self._merged(groups)
                tokens = [(f"{token}:{i}", one.affected) for (_c, token), made in zip(groups, done, strict=True)
                          for i, one in enumerate(made)]
                seq = handler.ledger.commit(self.cursor, self._keys(groups), token=tokens[0][0],
                                            affected=tokens[0][1], more=tokens[1:], recording=self.recording)
                for one in (one for made in done for one in made):
                    one.version = seq
                return done
            except Odd:
                self._roll_back()
                self.texts = False
            except BaseException as error:
                self._roll_back()
                told = error.facts.get("constraint") if isinstance(error, Conflict) else ""
                again = told == "concurrent" or (isinstance(error, StatementError) and "onflict" in error.message
                                                 and error.facts.get("engine") == "Transaction")
                if not again or attempt == CONFLICT_TRIES - 1:
                    if again:
                        raise Conflict("Others wrote the same rows at the same moment.", hint="Try again.",
                                       constraint="concurrent", columns=[], checked=True) from None
                    raise
                time.sleep(0.002 * 2 ** attempt)
        raise AssertionError

    def _roll_back(self) -> None:
        try:
            self.cursor.execute("ROLLBACK")
        except PlutoError:
            pass  # a failed COMMIT has already ended it

    def _keys(self, groups: Sequence[Group]) -> frozenset[str]:
        return frozenset(change.table.key for changes, _token in groups for change in changes)

    def _merged(self, groups: Sequence[Group]) -> list[list[Done]]:
        """Inserts of one row each into the same columns become one statement of many rows."""
        first = groups[0][0][0]
        alike = len(groups) > 1 and isinstance(first, Insert) and first.on_conflict == "error" and all(
            len(changes) == 1 and isinstance(one := changes[0], Insert) and one.table.key == first.table.key
            and one.on_conflict == "error" and len(one.rows) == 1 and set(one.rows[0]) == set(first.rows[0])
            for changes, _token in groups)
        if not alike or not isinstance(first, Insert):
            return [[self._one(change) for change in changes] for changes, _token in groups]
        rows = tuple(row for changes, _token in groups for row in changes[0].rows)  # type: ignore[union-attr]
        done = self._one(Insert(first.table, rows))
        if done.affected != len(groups) or done.known != len(groups):
            raise UsageError("The rows can't be told apart.")
        return [[done.part(i)] for i in range(len(groups))]

    def _one(self, change: Change) -> Done:
        real = self.rows.real(change.table)
        seen = self.rows.checked(lambda: self.known(change.table))
        try:
            done: Done = self.rows.checked(
                lambda: self.put(change) if isinstance(change, Put) else self.apply(change))
            done.key = seen.key
            return done
        except PlutoError as error:
            raise (explained(error, real, seen) if real is not None else error) from error.__cause__

    def known(self, ref: TableRef) -> Shape:
        """The table as far as the actor may write it. Raises UnknownName, and Refused for a view."""
        shape = self.rows.shape(ref)
        if not shape.stored:
            raise Refused(f"{shape.ref} is a view; rows are written to the tables that it reads.", checked=True)
        self.leave_views(shape.ref)
        return shape

    def leave_views(self, ref: TableRef) -> None:
        if ref.key in self.rows.handler.views.known:
            raise Refused(f"{ref} is a materialized view: its rows come from what it is made of.", checked=True)

    # -- parts of statements ----------------------------------------------------------------------

    def literal(self, column: Col, value: Any) -> str:
        return literal(column.type, value, column.name, self.rows.tries)

    def writable(self, shape: Shape, name: str) -> Col:
        column = shape.column(name)
        if column.name in shape.generated:
            raise UsageError(f'The column "{column.name}" is computed; it can\'t be written.', column=column.name,
                             checked=True)
        return column

    def insert(self, real: Shape, rows: Sequence[Mapping[str, Any]], on_conflict: str) -> str:
        if not rows:
            raise UsageError("There are no rows to insert.", checked=True)
        columns: dict[str, Col] = {}
        folded = []
        for row in rows:
            values = {}
            for name, value in row.items():
                column = self.writable(real, name)
                columns.setdefault(fold(column.name), column)
                if fold(column.name) in values:
                    raise UsageError(f'"{name}" stands in one row twice.', column=column.name, checked=True)
                values[fold(column.name)] = self.literal(column, value)
            folded.append(values)
        if not columns:
            if len(rows) > 1:
                raise UsageError("A row of defaults alone must be written by itself.", checked=True)
            return f"INSERT INTO {real.source} DEFAULT VALUES{self._conflict(real, columns, on_conflict)}"
        listed = ", ".join(quote(one.name) for one in columns.values())
        made = ", ".join(f"({', '.join(values.get(name, 'DEFAULT') for name in columns)})" for values in folded)
        return f"INSERT INTO {real.source} ({listed}) VALUES {made}{self._conflict(real, columns, on_conflict)}"

    @staticmethod
    def _conflict(real: Shape, columns: Mapping[str, Col], on_conflict: str) -> str:
        if on_conflict == "error":
            return ""
        if not real.key:
            raise UsageError(f"{real.ref} has no primary key that rows could conflict in.", checked=True)
        key = ", ".join(quote(one) for one in real.key)
        sets = [f"{quote(one.name)} = EXCLUDED.{quote(one.name)}" for name, one in columns.items()
                if name not in {fold(one) for one in real.key}]
        if on_conflict == "ignore" or not sets:
            return f" ON CONFLICT ({key}) DO NOTHING"
        return f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(sets)}"

    def sets(self, real: Shape, change: Update) -> dict[str, tuple[Col, str]]:
        """Folded name -> the column, and what it becomes."""
        made = {}
        for name, value in change.values.items():
            column = self.writable(real, name)
            made[fold(column.name)] = column, self.literal(column, value)
        for name in change.reset:
            column = self.writable(real, name)
            made.setdefault(fold(column.name), (column, "DEFAULT"))
        if not made:
            raise UsageError("There is nothing to change.", hint="Name a column and its value.", checked=True)
        return made

    def updated(self, change: Update, real: Shape, seen: Shape, where: str) -> pyarrow.Table:
        sets = self.sets(real, change)
        if real.in_place is not None:
            return self.followed(real, "update", sets, lambda: referenced.update(self.cursor, real, seen, sets, where))
        made = ", ".join(f"{quote(column.name)} = {value}" for column, value in sets.values())
        return self.returned(f"UPDATE {real.source} SET {made} WHERE {where}", real, "update", sets=sets)

    def returned(self, sql: str, real: Shape, verb: Verb, *, sets: Iterable[str] = (),
                 appends: bool = False) -> pyarrow.Table:
        """What a statement wrote, as the table has it. `sets`: the columns, folded, that it may set in rows that are
        there; `appends`: it only adds rows."""
        sql = f"{sql} RETURNING {', '.join(one.shown for one in real.columns)}"
        return self.rows.session._capturing.returned(
            self.recording, self.cursor, real.ref, Write(verb, sql, _KINDS[verb], returning=True, appends=appends,
                                                         few=True, sets=frozenset(sets)))

    def follows(self, real: Shape) -> bool:
        """Whether what is written to the table becomes events."""
        return self.recording is not None and real.ref.key in self.recording.journal.tracked

    def followed(self, real: Shape, verb: Verb, sets: Iterable[str],
                 work: Callable[[], pyarrow.Table]) -> pyarrow.Table:
        """Does what gives the rows that it wrote."""
        return self.rows.session._capturing.followed(self.recording, self.cursor, real.ref, verb, sets, work)

    def expected(self, change: Update | Delete, shape: Shape) -> None:
        """Raises PreconditionFailed; reads in the transaction of the write."""
        if change.expect is None:
            return
        compiled = select(Select(change.table, where=change.where), shape, self.rows.tries)
        table = self.cursor.execute(compiled.sql, select=True).reader().read_all()
        there = tags(table, compiled.columns)
        if not there or not ("*" in change.expect or set(there) <= set(change.expect)):
            raise PreconditionFailed(f"The row of {shape.ref} is not as it was expected to be.",
                                     hint="Read it again: somebody else changed it.", checked=True)


class Owners(Writer):
    def apply(self, change: Insert | Update | Delete) -> Done:
        shape = self.known(change.table)
        columns = tuple(Column(one.name, one.type) for one in shape.columns)
        if isinstance(change, Insert):
            table = self._inserted(change, shape)
            return Done(table.num_rows, columns, table)
        self.expected(change, shape)
        where = self._where(shape, change.where)
        if isinstance(change, Update):
            table = self.updated(change, shape, shape, where)
        else:
            table = self.returned(f"DELETE FROM {shape.source} WHERE {where}", shape, "delete")
        return Done(table.num_rows, columns, table)

    def _inserted(self, change: Insert, shape: Shape) -> pyarrow.Table:
        sql = self.insert(shape, change.rows, change.on_conflict)
        if shape.in_place is not None and change.on_conflict == "update":
            key = [fold(one) for one in shape.key]
            rows = [{fold(name): value for name, value in row.items()} for row in change.rows]
            if all(set(key) <= set(row) for row in rows) and any(set(row) - set(key) for row in rows):
                keys = [[self.literal(shape.column(one), row[one]) for one in key] for row in rows]
                return self.followed(shape, "upsert", (), lambda: referenced.upsert(self.cursor, shape, sql, keys))
        return self.returned(sql, shape, "upsert" if change.on_conflict == "update" else "insert",
                             appends=change.on_conflict == "error")

    def _where(self, shape: Shape, where: Condition) -> str:
        return Conditions(shape, self.rows.tries).sql(where)


def committed(rows: OwnersRows, token: str) -> bool:
    return bool(rows.handler.ledger.find(rows.cursor(), token))


__all__ = ["Done", "Group", "Owners", "Writer", "committed", "rows_of"]
