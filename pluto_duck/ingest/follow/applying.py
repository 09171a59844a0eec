"""Whole transactions of the source, in its order, into the tables here: several in one commit, none in two."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from pluto_duck.errors import PlutoError, SourceError, StatementError
from pluto_duck.ingest.connectors.postgres_errors import of_value
from pluto_duck.ingest.follow import messages, state
from pluto_duck.ingest.follow.messages import KEPT, Relation, Row
from pluto_duck.ingest.follow.pending import Pending, arrow
from pluto_duck.ingest.follow.shapes import AGAIN, Evolution, Listed, Shape, evolve, grown, keyed, shape
from pluto_duck.ingest.follow.state import Follow
from pluto_duck.ingest.records import literal
from pluto_duck.session import Mix, Session
from pluto_duck.session.targets import SCHEMA
from pluto_duck.workspace import quote

CHANGES = 50_000
"""Together in one commit, about; as many of a longer transaction are held in memory."""
BYTES = 8 << 20
TRIM_BYTES, TRIM_S = 8 << 20, 0.2
"""So much, at least, between two looks at what the host may let go of; and so long."""
ROOM, ROOM_ROW = 48 << 20, 24
"""What DuckDB may hold while there is a backlog: bytes, and for each change of the open transaction, of which a key
has entries."""

Ask = Callable[[Relation], tuple[Any, dict[str, Listed]]]
"""Of the source's catalog: (the types of a relation's columns, its columns as they are now)."""


class Applier:
    """The one that writes. Its `follow` is what has been committed."""

    def __init__(self, session: Session, follow: Follow, ask: Ask, *, freeze: bool, say: Callable[[str], None],
                 careful: bool = False, roomy: bool = False) -> None:
        """`careful`: of no row is it taken for granted that the table has not got it. `roomy`: a long transaction may
        take whatever memory DuckDB has."""
        self._session = session
        self._ask = ask
        self._freeze = freeze
        self._say = say
        self._careful = careful
        self._roomy = roomy
        self.follow = follow
        self._tables = {one.oid: one for one in follow.tables}
        self._changed_tables = False
        self._relations: dict[int, Relation] = {}
        self._pending: dict[int, Pending | None] = {}
        """None: of a table that is not followed."""
        self._open = False
        """A transaction is open here."""
        self._touched: set[int] = set()
        """The tables it has changed."""
        self._long = False
        """It holds a part of a long one of the source."""
        self._pressed: ExitStack | None = None
        """There is a backlog; what ends with it."""
        self._begin: messages.Begin | None = None
        """The source's transaction that is being read."""
        self._skipping = False
        self._in_this = 0
        """Changes of it."""
        self._end = follow.lsn
        self._at_us = 0
        self._rows = 0
        self._transactions = 0
        self._size = 0
        self._count = 0
        self._written = 0
        self._trimmed = 0.0
        self.notices: list[str] = []

    # -- the source's messages --------------------------------------------------------------------

    @property
    def between(self) -> bool:
        """No transaction of the source is half read."""
        return self._begin is None

    @property
    def waiting(self) -> int:
        """Changes that have been read and not committed."""
        return self._count + self._rows

    @property
    def full(self) -> bool:
        return self._count >= CHANGES or self._size >= BYTES

    @property
    def due(self) -> bool:
        """Time to commit: what waits is enough, or a part of it is in the open transaction already, which must not go
        on growing."""
        return self.between and (self.full or self._open)

    @property
    def dirty(self) -> bool:
        return self._transactions > 0 or self._open

    def message(self, data: bytes) -> None:
        try:
            self._message(data)
        except (struct.error, IndexError, ValueError) as error:
            raise SourceError("The source sent a message that can't be read; nothing of its transaction was applied.",
                              reason="protocol", hint="Is it PostgreSQL that stands there?") from error

    def _message(self, data: bytes) -> None:
        kind = data[0]
        if kind == messages.INSERT:
            if not self._skipping and (pending := self._of(data)) is not None:
                pending.insert(messages.row(data, 6)[0])
                self._taken(data)
        elif kind == messages.UPDATE:
            if not self._skipping and (pending := self._of(data)) is not None:
                before, row = messages.updated(data)
                if not pending.update(before, row):
                    self._move(pending.shape, before, row)
                self._taken(data)
        elif kind == messages.DELETE:
            if not self._skipping and (pending := self._of(data)) is not None:
                pending.delete(messages.deleted(data))
                self._taken(data)
        elif kind == messages.BEGIN:
            self._begin = messages.begin(data)
            self._in_this = 0
            # What was applied before may come again after a lost connection.
            self._skipping = self._begin.lsn < self.follow.lsn
        elif kind == messages.COMMIT:
            done = messages.commit(data)
            self._begin = None
            if not self._skipping:
                self._end, self._at_us = done.end, done.at_us
                self._transactions += 1
            self._skipping = False
        elif kind == messages.RELATION:
            self._relation(messages.relation(data))
        elif kind == messages.TRUNCATE:
            if not self._skipping:
                for oid in messages.truncated(data):
                    if (pending := self._pending_of(oid)) is not None:
                        pending.truncate()
                        self._taken(data)
        elif kind not in messages.BESIDE:
            raise SourceError(f"The source sent a message of an unknown kind ({chr(kind)!r}).",
                              hint="Please report it.")

    def _of(self, data: bytes) -> Pending | None:
        return self._pending_of(messages.table_of(data))

    def _pending_of(self, oid: int) -> Pending | None:
        try:
            return self._pending[oid]
        except KeyError:
            return self._shaped(oid)

    def _taken(self, data: bytes) -> None:
        self._count += 1
        self._in_this += 1
        self._size += len(data)
        self._written += len(data)
        if self._begin is not None and self.full:
            self._long = True
            self.flush()  # what was read of it need not stay in memory

    # -- shapes -----------------------------------------------------------------------------------

    def _relation(self, relation: Relation) -> None:
        if self._relations.get(relation.oid) == relation:
            return
        if self._relations.get(relation.oid) is not None and self._in_this == 0 and self._transactions:
            self.commit()  # DuckDB takes a new shape best from a table that its transaction has not changed
        elif self._pending.get(relation.oid):
            self.flush()
        self._relations[relation.oid] = relation
        self._pending.pop(relation.oid, None)

    def _shaped(self, oid: int) -> Pending | None:
        """With the first row of a new shape: of transactions that are skipped the shape may be an old one."""
        relation, table = self._relations.get(oid), self._tables.get(oid)
        if relation is None:
            raise SourceError("The source sent a row of a table it had not described.", reason="lost",
                              hint="It is connected to again.")
        if table is None:
            self._pending[oid] = None
            return None
        types, catalog = self._ask(relation)
        self._evolve(evolve(table, relation, types, catalog, freeze=self._freeze))
        self._reshape(relation, types)
        return self._pending[oid]

    def _reshape(self, relation: Relation, types: Any) -> None:
        found = shape(self._tables[relation.oid], relation, types)
        self._pending[relation.oid] = Pending(found)

    def _evolve(self, made: Evolution) -> None:
        table = made.table
        if made.sql:
            self._begin_here()
            sql = made.sql
            if table.oid in self._touched:
                # DuckDB can't change a table further that this transaction has changed and altered: a copy, it can.
                sql = [f"CREATE OR REPLACE TABLE {table.target.sql} AS SELECT * FROM {table.target.sql}",
                       *keyed(self._tables[table.oid]), *sql]
            try:
                self._session.internal(sql, writes=[table.target.key, SCHEMA])
            except StatementError as error:
                raise SourceError(f"{table.target} could not take the new shape of {table.shown}: {error.message}",
                                  hint=AGAIN, reason="shape") from error
        if table != self._tables[table.oid]:
            self._tables[table.oid] = table
            self._changed_tables = True
        for one in made.said:
            self._tell(one)

    # -- into the tables --------------------------------------------------------------------------

    def flush(self) -> None:
        """What waits goes into the open transaction, which stays open."""
        if self.full or self._long:
            self._press()
        for oid, pending in list(self._pending.items()):
            if pending:
                self._flush(oid, pending)
        self._size = self._count = 0

    def _flush(self, oid: int, pending: Pending) -> None:
        rows, mix = pending.taken(self._careful)
        self._widen(oid, pending, rows)
        current = self._pending[oid]
        assert current is not None
        shape = current.shape
        self._begin_here()
        table, columns = arrow(shape, rows)
        try:
            done = self._session.merge(shape.table.target, table, columns, key=shape.key_names, mix=mix,
                                       truncate=pending.truncated, anew=self._long)
        except StatementError as error:
            raise _explained(error, shape) from error.__cause__
        missing = done.missing + sum(count for count, _kept in mix.upserts) - done.upserted
        if missing > 0:
            self._tell(f"{shape.table.target} was changed here: {missing:,} rows that changed or went at the source "
                       "were not there")
        self._touched.add(oid)
        self._rows += pending.changes
        self._pending[oid] = Pending(shape)

    def _widen(self, oid: int, pending: Pending, rows: list[Row]) -> None:
        """Numbers with more digits than before and enums with new labels: no message tells of them."""
        strange, needs = pending.strange(rows), pending.needs(rows)
        if not strange and not needs:
            return
        relation = self._relations[oid]
        types, catalog = self._ask(relation)
        for column, behind, before in needs:
            made = grown(self._tables[oid], column.name, behind, before)
            if self._freeze:
                raise SourceError(f"{made.said[0]} would be needed, and --columns freeze forbids it.", reason="shape",
                                  hint="With --columns evolve the table here follows such changes.")
            self._evolve(made)
        if strange:
            self._evolve(evolve(self._tables[oid], relation, types, catalog, freeze=self._freeze))
        self._reshape(relation, types)

    def _move(self, shape: Shape, before: Row | None, row: Row) -> None:
        """A row whose key changed while a long value, which only the table here knows, did not."""
        assert before is not None
        self.flush()
        self._begin_here()
        was: Row = [before[place] if place in shape.key else None for place in range(len(row))]
        gone, _columns = arrow(shape, [was])
        new, columns = arrow(shape, [row])
        ref, key = shape.table.target, shape.key_names
        by_place = {one.place: one for one in shape.columns}
        texts = {place: was[place] for place in shape.key}
        picks = ", ".join(f"CAST({by_place[place].expression} AS {by_place[place].type}) AS "
                          f"{quote(by_place[place].target)}" for place in shape.key)
        given = ", ".join(f"{literal(gone.column(f'c{place}')[0].as_py())}::VARCHAR AS c{place}" for place in texts)
        kept = [one for one in shape.columns if row[one.place] is KEPT]
        there = " AND ".join(f"t.{quote(name)} = o.{quote(name)}" for name in key)
        found = self._session.query(
            f"SELECT {', '.join(f't.{quote(one.target)} AS c{one.place}' for one in kept)} FROM {ref.sql} AS t, "
            f"(SELECT {picks} FROM (SELECT {given})) AS o WHERE {there}").arrow()
        if found.num_rows != 1:
            self._tell(f"{ref} was changed here: a row whose key changed at the source was not there")
            return
        for one in kept:
            new = new.set_column(new.column_names.index(f"c{one.place}"), f"c{one.place}",
                                 found.column(f"c{one.place}"))
        columns = [replace(one, expression=f"c{place}") if row[place] is KEPT else one
                   for one, place in zip(columns, (column.place for column in shape.columns), strict=True)]
        self._touched.add(shape.table.oid)
        self._session.merge(ref, gone, columns, key=key, mix=Mix(deletes=1))
        self._session.merge(ref, new, columns, key=key, mix=Mix(inserts=1))
        self._rows += 1

    def _tell(self, said: str) -> None:
        self.notices.append(said)
        self._say(said)

    def _begin_here(self) -> None:
        if not self._open:
            self._session.query("BEGIN TRANSACTION")
            self._open = True
            self._touched.clear()

    # -- commits ----------------------------------------------------------------------------------

    def commit(self) -> Follow:
        """Commits the transactions that have been read whole, with how far they go."""
        assert self.between or not self._in_this
        self.flush()
        self._begin_here()
        moved = self.follow.moved(self._end, rows=self._rows, transactions=self._transactions, at_us=self._at_us)
        if self._changed_tables:
            moved = replace(moved, tables=tuple(self._tables.values()))
        self._session.internal(state.written(moved) if self._changed_tables else state.position(moved),
                               writes=[state.TABLE])
        self._session.query("COMMIT")
        self._let_go()
        self._open = self._long = False
        self.follow, self._changed_tables = moved, False
        self._rows = self._transactions = 0
        return moved

    def _let_go(self) -> None:
        """DuckDB keeps every page it has written as long as there is memory: a gigabyte of backlog left 2.5 of them."""
        now = time.monotonic()
        if self._written > TRIM_BYTES and now > self._trimmed + TRIM_S and (self._pressed is None or self._roomy):
            self._session.trim()
            self._written, self._trimmed = 0, now

    def pass_to(self, lsn: int) -> Follow:
        """Nothing of ours was committed before `lsn`: remembers that."""
        assert self.between
        self._end = max(self._end, lsn)
        return self.commit()

    def abandon(self) -> None:
        """Nothing of what has not been committed is kept. Never raises."""
        if self._open:
            self._open = False
            with suppress(Exception):  # the host that had it open is gone, and it with it
                self._session.query("ROLLBACK")
        self._pending.clear()
        with suppress(Exception):
            self.rest()

    # -- a backlog --------------------------------------------------------------------------------

    def _press(self) -> None:
        """From here on until `rest` DuckDB has little memory, and writes its log into the file less often: each time
        it writes the last 122,880 rows anew."""
        if self._pressed is None:
            self._pressed = ExitStack()
            self._pressed.callback(self._session.trim)
            self._pressed.enter_context(self._session.bulk())
        if not self._roomy:
            self._session.trim(room=ROOM + (self._rows + self._count) * ROOM_ROW)

    def rest(self) -> None:
        """All has been applied that had come."""
        if self._pressed is not None:
            pressed, self._pressed = self._pressed, None
            pressed.close()


def _explained(error: StatementError, shape: Shape) -> PlutoError:
    name = shape.table.name
    found = of_value(error.message, name, {f"{name}.{one.name}": one.name for one in shape.columns})
    if found is None:
        return error
    column = str(found.facts["column"])
    found.hint = f"Leave the column out, with a fresh copy: --follow --resnapshot --skip {column}"
    return found
