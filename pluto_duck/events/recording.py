"""The changes of one open transaction, taken down as its statements run.

Each statement goes one of four ways. Rows that were only added are those with the newest transaction-local rowids.
Of other statements DuckDB returns the keys that they wrote; how those rows were before, another cursor still sees,
since nobody else can commit a change of rows that this transaction has changed. Where neither is possible the table
is copied first and compared afterwards; and a table that is itself made anew is compared at the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, StatementError
from pluto_duck.events import few, keyed
from pluto_duck.events.comparing import Copy, compare, copied, tells_apart
from pluto_duck.events.journal import Journal, Unsteady, Who, detail
from pluto_duck.events.picked import Picked, foretell
from pluto_duck.events.recent import MOST_OF_A_COMMIT, Commit, Said
from pluto_duck.events.remade import remade
from pluto_duck.events.tracked import Standing, Tracked, text
from pluto_duck.events.writes import Verb, Write, touches
from pluto_duck.workspace.database import Cursor, Rows
from pluto_duck.workspace.tableref import fold

if TYPE_CHECKING:
    import pyarrow

LOCAL = 36_028_797_018_960_000
"""Rows that a transaction has added have rowids from here on; later ones larger ones."""

OWNER = Who()

NO_EFFECT = ("Parser", "Binder", "Catalog")
"""Kinds of errors that come before a statement has done anything."""


RETURNING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE_INTO"})


@dataclass
class Ran:
    """What came of a statement, for whoever asked for it."""

    rows: Rows
    affected: int | None = None
    table: pyarrow.Table | None = None
    """What it was asked to return."""


def plainly(sql: str, execute: Callable[[str], Rows], kind: str) -> Ran:
    """Runs it as it is. `kind`: the type of the statement."""
    rows = execute(sql)
    if kind in ("EXECUTE", "EXPLAIN", "SELECT"):
        return Ran(rows, None, rows.reader().read_all() if rows.columns else None)
    if [one.name for one in rows.columns] == ["Count"]:
        counted = rows.fetchall()  # CREATE TABLE without rows names a count and has none
        return Ran(rows, int(counted[0][0]) if counted else None)
    return Ran(rows, None, rows.reader().read_all() if rows.columns and kind in RETURNING else None)


@dataclass
class Recording:
    """`begun`: the newest commit when the transaction began, or one before it."""

    journal: Journal
    begun: int
    who: Who = OWNER
    tx: int = 0
    """0 until there is a change."""
    n: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    """How many changes of each table stand in the Journal by this transaction."""
    cleared: dict[str, int] = field(default_factory=dict)
    """Tables that were truncated, and the number of that change."""
    remade: dict[str, Copy | None] = field(default_factory=dict)
    """Tables whose shape is changed: as they were before that; None for those that were not there."""
    seen: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    """Tables whose changes could not be taken down, and why."""
    adopted: dict[str, Tracked | None] = field(default_factory=dict)
    """What is tracked otherwise once this is committed."""
    shapes_changed: bool = False
    said: list[Said] = field(default_factory=list)
    """Changes whose values are at hand; of use where it is all of them."""

    # -- statements -------------------------------------------------------------------------------

    @property
    def tracked(self) -> dict[str, Tracked]:
        """As this transaction has them."""
        known = self.journal.tracked
        if not self.adopted:
            return known
        return {key: one for key, one in {**known, **self.adopted}.items() if one is not None}

    def among(self, keys: Collection[str]) -> list[Tracked]:
        """Those of the tables that are tracked."""
        tracked = self.tracked
        return [tracked[key] for key in sorted(keys) if key in tracked]

    def run(self, cursor: Cursor, shadow: Callable[[], Cursor], write: Write, tables: list[Tracked],
            execute: Callable[[str], Rows], *, certain: bool, schema_version: int) -> Ran:
        """Runs a statement that may write these tables, and takes down what it changed. `certain`: it writes the one
        table and no other. `shadow`: gives a cursor without a transaction."""
        self.seen |= {one.key for one in tables}
        if write.verb == "shape":
            self.shapes_changed = True
            self.keep(cursor, tables)
            return plainly(write.sql, execute, write.kind)
        tables = [one for one in tables if one.key not in self.remade]
        if not tables:
            return plainly(write.sql, execute, write.kind)
        try:
            if len(tables) == 1 and certain and write.verb != "other":
                return self._one(cursor, shadow, write, tables[0], execute, schema_version)
            return self._compared(cursor, tables, lambda: plainly(write.sql, execute, write.kind))
        except PlutoError as error:
            if error.facts.get("engine") not in NO_EFFECT:
                self.lost.update({one.key: "a statement failed in its transaction" for one in tables})
            raise

    def _one(self, cursor: Cursor, shadow: Callable[[], Cursor], write: Write, table: Tracked,
             execute: Callable[[str], Rows], schema_version: int) -> Ran:
        if write.verb == "truncate":
            ran = plainly(write.sql, execute, write.kind)
            self.mark(cursor, table, "t")
            self.cleared[table.key] = self.n
            return ran
        standing = self._standing(cursor, table, schema_version)
        if table.key_columns and not standing.constrained:
            return self._compared(cursor, [table], lambda: plainly(write.sql, execute, write.kind))
        named = any(fold(name) == "rowid" for name, _kind in table.columns)
        if write.picks and self._steady(cursor, write, schema_version) and (
                write.verb == "delete" or (standing.constrained and not touches(write.sets, table.key_columns))):
            if table.by_text and not standing.generates and self._is_foretold(cursor, write, table, schema_version):
                return self._foretold(cursor, write, table, execute)
            return self._picked(cursor, write, table, execute)
        by_key = self._by_key(table, standing, write.sets)
        if write.verb == "insert" and write.few and table.by_text and not write.returning:
            return self._returned(cursor, shadow, write, table, execute)
        if write.verb == "insert" and write.appends and not named and not (write.few and by_key):
            return self._appended(cursor, write, table, execute)
        if not by_key or (write.verb in ("update", "upsert", "merge") and standing.referenced):
            return self._compared(cursor, [table], lambda: plainly(write.sql, execute, write.kind))
        return self._returned(cursor, shadow, write, table, execute)

    def _standing(self, cursor: Cursor, table: Tracked, schema_version: int) -> Standing:
        return self.journal.standing(cursor, table, None if self.shapes_changed else schema_version)

    @staticmethod
    def _by_key(table: Tracked, standing: Standing, sets: Iterable[str]) -> bool:
        return standing.constrained and table.key_by_text and table.by_arrow and not touches(sets, table.key_columns)

    def follow(self, cursor: Cursor, shadow: Callable[[], Cursor], table: Tracked, verb: Verb, sets: Iterable[str],
               work: Callable[[], pyarrow.Table], *, schema_version: int) -> pyarrow.Table:
        """Does what gives the rows that it wrote, in columns of the table's names."""
        self.seen.add(table.key)
        if table.key in self.remade:
            return work()
        if not self._by_key(table, self._standing(cursor, table, schema_version), sets):
            return self.around(cursor, [table], work)
        rows = work()
        if rows.num_rows:
            self.by_keys(cursor, shadow, table, verb, keyed.of_rows(cursor, table, rows))
        return rows

    # -- rows that were only added ----------------------------------------------------------------

    def newest(self, cursor: Cursor, table: Tracked) -> int:
        """The newest row that this transaction has added to a table."""
        if not self.tx:
            return LOCAL - 1
        found = cursor.fetchall(f"SELECT system.main.max(rowid) FROM {table.source(self.journal.catalog)} "
                                f"WHERE rowid >= {LOCAL}")[0][0]
        return LOCAL - 1 if found is None else int(found)

    def added(self, cursor: Cursor, table: Tracked, after: int) -> int:
        """Takes down the rows that were added after that one."""
        catalog = self.journal.catalog
        return self._wrote(table, cursor.execute(
            f"INSERT INTO {table.changes(catalog)} SELECT {self.number()}, {self.n} + row_number() OVER (ORDER BY "
            f"pluto_t.rowid), 'c', NULL, {table.row('pluto_t')} FROM {table.source(catalog)} AS pluto_t "
            f"WHERE pluto_t.rowid > {after}"))

    def _appended(self, cursor: Cursor, write: Write, table: Tracked, execute: Callable[[str], Rows]) -> Ran:
        after = self.newest(cursor, table)
        ran = plainly(write.sql, execute, write.kind)
        self.added(cursor, table, after)
        return ran

    def append(self, cursor: Cursor, table: Tracked, work: Callable[[], int]) -> int:
        """Does what only adds rows to the table."""
        self.seen.add(table.key)
        if table.key in self.remade:
            return work()
        if any(fold(name) == "rowid" for name, _kind in table.columns):
            return int(self.around(cursor, [table], work))
        after = self.newest(cursor, table)
        count = work()
        if table.key_columns and not self.journal.standing(cursor, table, None).constrained and not tells_apart(
                cursor, table, table.source(self.journal.catalog)):
            self._wrote(table, self.keyless(cursor, table))
        else:
            self.added(cursor, table, after)
        return count

    # -- rows that are told beforehand ------------------------------------------------------------

    def _steady(self, cursor: Cursor, write: Write, schema_version: int) -> bool:
        return not write.calls or not write.calls & self._unsteady(cursor, schema_version).of_a_row

    def _unsteady(self, cursor: Cursor, schema_version: int) -> Unsteady:
        return self.journal.unsteady(cursor, None if self.shapes_changed else schema_version)

    def _is_foretold(self, cursor: Cursor, write: Write, table: Tracked, schema_version: int) -> bool:
        """Whether it can be told beforehand what the rows of an UPDATE will be."""
        if write.verb != "update" or not {column for column, _ in write.assigns} <= {fold(one) for one in table.types}:
            return False
        calls = write.calls | write.assigning_calls
        return bool(write.assigns) and not (calls and calls & self._unsteady(cursor, schema_version).of_a_statement)

    def _foretold(self, cursor: Cursor, write: Write, table: Tracked, execute: Callable[[str], Rows]) -> Ran:
        """Takes the rows down as they are and as they will be, and then lets them become so: without a copy of what
        they were, and a join with what they are then."""
        told = self._wrote(table, foretell(self, cursor, table, write))
        try:
            ran = plainly(write.sql, execute, write.kind)
        except PlutoError:
            self.lost[table.key] = "a statement failed in its transaction"  # whatever error it was
            raise
        if told != ran.affected:
            self.lost[table.key] = "a statement wrote other rows than its condition had told"
        return ran

    def _picked(self, cursor: Cursor, write: Write, table: Tracked, execute: Callable[[str], Rows]) -> Ran:
        picked = Picked(cursor, table, write.picks, deletes=write.verb == "delete")
        ran = plainly(write.sql, execute, write.kind)
        if self._wrote(table, picked.take(self)) != ran.affected:
            self.lost[table.key] = "a statement wrote other rows than its condition had told"
        return ran

    # -- rows whose keys are returned -------------------------------------------------------------

    def _returned(self, cursor: Cursor, shadow: Callable[[], Cursor], write: Write, table: Tracked,
                  execute: Callable[[str], Rows]) -> Ran:
        if table.by_text and not write.returning and write.verb == "update" and write.point_value and self._is_point(
                write, table):
            return self._point(cursor, write, table, execute)
        if table.by_text and not write.returning and self._is_few(write, table):
            rows = execute(write.returning_also(few.returned(table)))
            made = rows.fetchall()
            if made:
                self._wrote(table, few.added(self, cursor, table, made) if write.verb == "insert"
                            else few.written(self, cursor, shadow, table, write.verb, made))
            return Ran(rows, len(made))
        rows = execute(write.returning_also(keyed.returned(table, write.verb)))
        own = len(rows.columns) - keyed.width(table, write.verb)
        found = rows.reader().read_all()
        keys = found.select(list(range(own, len(rows.columns))))
        rows.columns = rows.columns[:own]
        self.by_keys(cursor, shadow, table, write.verb, keys)
        if write.returning:
            return Ran(rows, None, found.select(list(range(own))))
        return Ran(rows, found.num_rows)

    def _is_few(self, write: Write, table: Tracked) -> bool:
        """Whether it writes so few rows that all of their values may be returned."""
        if write.verb == "insert":
            return write.few
        return self._is_point(write, table) and (
            write.verb == "delete" or not table.before or few.is_fresh(self, table))

    @staticmethod
    def _is_point(write: Write, table: Tracked) -> bool:
        """Whether it writes the row of one key, or none."""
        return [write.point] == [fold(one) for one in table.key_columns]

    def _point(self, cursor: Cursor, write: Write, table: Tracked, execute: Callable[[str], Rows]) -> Ran:
        """An UPDATE of one key, which stays: the row is read by it. With a RETURNING DuckDB would delete the row and
        insert it anew, which its index and its log pay for."""
        was = few.at(self, cursor, table, write) if table.before else []
        ran = plainly(write.sql, execute, write.kind)
        if ran.affected or was:
            made = few.at(self, cursor, table, write) if ran.affected else []
            if len(made) != ran.affected or (table.before and len(was) != ran.affected):
                self.lost[table.key] = "a statement wrote other rows than its condition had told"
            else:
                self._wrote(table, few.updated(self, cursor, table, was, made))
        return ran

    def by_keys(self, cursor: Cursor, shadow: Callable[[], Cursor], table: Tracked, verb: str,
                keys: pyarrow.Table) -> None:
        """`keys`: what `keyed.returned` gave of each row that was written."""
        if keys.num_rows and few.can(self, table, verb, keys.num_rows):
            columns = [one.to_pylist() for one in keys.columns]
            self._wrote(table, few.take(self, cursor, shadow, table, verb, list(zip(*columns, strict=True))))
        elif keys.num_rows:
            self._wrote(table, keyed.take(self, cursor, shadow, table, verb, keys))

    # -- tables that are compared -----------------------------------------------------------------

    def _compared(self, cursor: Cursor, tables: Iterable[Tracked], work: Callable[[], Ran]) -> Ran:
        before = [copied(cursor, self.journal.catalog, one) for one in tables]
        ran = work()
        for copy in before:
            self._wrote(copy.table, compare(self, cursor, copy))
        return ran

    def around(self, cursor: Cursor, tables: list[Tracked], work: Callable[[], Any]) -> Any:
        """Does something of which only the tables are known that it may write."""
        self.seen |= {one.key for one in tables}
        left = [one for one in tables if one.key not in self.remade]
        before = [copied(cursor, self.journal.catalog, one) for one in left]
        done = work()
        for copy in before:
            self._wrote(copy.table, compare(self, cursor, copy))
        return done

    def keep(self, cursor: Cursor, tables: Iterable[Tracked]) -> None:
        """Before the first statement of a transaction that makes a table anew or changes its shape."""
        for one in tables:
            self.seen.add(one.key)
            if one.key not in self.remade:
                self.remade[one.key] = copied(cursor, self.journal.catalog, one, whole=True)

    # -- the Journal's rows -----------------------------------------------------------------------

    def number(self) -> int:
        """Of the transaction."""
        if not self.tx:
            self.tx = self.journal.next_tx()
        return self.tx

    def _wrote(self, table: Tracked, done: Rows | int) -> int:
        count = done if isinstance(done, int) else int(done.fetchall()[0][0])
        self.n += count
        self.rows[table.key] = self.rows.get(table.key, 0) + count
        return count

    def say(self, table: Tracked, changes: Iterable[few.Change]) -> None:
        """Before they are counted: what was just written to the Journal."""
        if len(self.said) <= MOST_OF_A_COMMIT:
            self.said += [Said(self.n + 1 + i, table, *one) for i, one in enumerate(changes)]

    def told(self, seq: int, at_ms: int) -> Commit | None:
        """All that it has changed; None where not all of that is at hand."""
        if len(self.said) != self.n or self.n > MOST_OF_A_COMMIT or self.adopted:
            return None
        return Commit(seq, self.tx, at_ms, self.who, tuple(self.said))

    def keyless(self, cursor: Cursor, table: Tracked) -> int:
        """The declared key of a table that was made without one tells its rows apart no longer: it is told whole."""
        made = self.journal.reshaped(cursor, table, table.columns, ())
        self.journal.shaped(cursor, made)
        self.adopted[table.key] = made
        columns = [list(one) for one in made.columns]
        self.mark(cursor, made, "schema", before=columns, after=columns)
        self.mark(cursor, made, "t")
        return self.whole(cursor, made)

    def whole(self, cursor: Cursor, table: Tracked) -> int:
        """Tells every row as an insert, for those who know none of it."""
        catalog = self.journal.catalog
        return int(cursor.fetchall(
            f"INSERT INTO {table.changes(catalog)} SELECT {self.number()}, {self.n} + row_number() OVER (), 'c', NULL, "
            f"{table.row('t')} FROM {table.source(catalog)} AS t")[0][0])

    def mark(self, cursor: Cursor, table: Tracked, op: str, **facts: Any) -> None:
        cursor.execute(f"INSERT INTO {self.journal.ours}.change_marks VALUES ({self.number()}, {self.n + 1}, "
                       f"{text(table.key)}, {text(op)}, {table.shape}, {detail(**facts) if facts else 'NULL'})")
        self.n += 1

    # -- the commit -------------------------------------------------------------------------------

    def check(self, versions: Mapping[str, int]) -> None:
        """Raises where a table that is made anew was written by others meanwhile: their rows would be lost."""
        for key in self.remade:
            if versions.get(key, 0) > self.begun and key in self.journal.tracked:
                raise StatementError("TransactionContext Error: Conflict on a table that is made anew: others wrote "
                                     "to it meanwhile.", hint="Run it again.", engine="Transaction")

    def finish(self, cursor: Cursor, versions: Mapping[str, int]) -> None:
        """Before the commit lock is taken: compares the tables that were made anew."""
        self.check(versions)
        for key, copy in self.remade.items():
            table = self.tracked.get(key)
            if table is not None:
                remade(self, cursor, table, copy)

    def closing(self, cursor: Cursor, keys: Collection[str], *, anything: bool, foreign: bool, seq: int, at_ms: int,
                versions: Mapping[str, int]) -> str:
        """Under the commit lock: the statement that tells which commit this is; "" where nothing changed.
        `anything`: it wrote who knows what; `foreign`: so did somebody past us. Raises where a table that is made anew
        was written meanwhile."""
        self.check(versions)
        for table in list(self.journal.tracked.values()):
            written = anything or table.key in keys
            if foreign:
                why = "somebody wrote to the database past pluto-duck"
            elif table.key in self.lost:
                why = self.lost[table.key]
            elif written and table.started_seq > self.begun and table.key not in self.adopted:
                why = "it was tracked while this transaction was open"
            elif written and table.key not in self.seen:
                why = "a statement could not be followed"
            else:
                continue
            self.mark(cursor, self.adopted.get(table.key) or table, "resync", why=why)
        if not self.n:
            return ""
        who = self.who
        values = ", ".join(text(one) if one else "NULL" for one in (who.actor, who.run, who.label))
        return (f"INSERT INTO {self.journal.ours}.change_log VALUES ({seq}, {self.number()}, {at_ms}, "
                f"{values}, {self.n})")


__all__ = ["Ran", "Recording", "plainly"]
